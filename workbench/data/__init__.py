"""From what a person has to what a likelihood reads: tables, formulas, designs, sources."""
