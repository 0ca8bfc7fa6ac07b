"""A demo organization with people and a little data, for trying the product. Not installed in production."""
