"""The SCIM 2.0 door (RFC 7643, RFC 7644): an organization's own directory writes its people and groups here.

Users are memberships, groups are teams. Written from the RFCs and from what Okta and Entra ID document to send, where
the two part: `patches` takes both dialects. Bulk, sorting, passwords and ETags are not offered, and say so in the
service provider's configuration.
"""
