"""Speed against what people would otherwise write; each module prints a table and writes JSON."""
