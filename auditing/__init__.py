"""What the theorem says about a decoder of your own: geometry, account of the ELBO gap, regime. See `audit.audit`.

The folder is not called `audit`, because that is the name of the public function: a subpackage of the same name would
take its place as soon as it is imported.
"""
