"""What an audit shows: sentences that all pages share, the terminal's page, the HTML page and its plots."""
