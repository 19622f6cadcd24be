"""How documents look: page templates, plot style, and HTML from saved documents. Knows theory, measures nothing."""
