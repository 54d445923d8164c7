"""Speed against other software; each module prints a table and writes JSON."""
