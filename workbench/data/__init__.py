"""Tables, formulas, designs and sources: from data to the arrays of a likelihood."""
