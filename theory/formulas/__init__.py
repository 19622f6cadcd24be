"""The formulas themselves, as index notation or closed expressions; each is written once, here."""
