"""The claims, one file a claim or a close family."""
