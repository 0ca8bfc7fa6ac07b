"""Single sign-on's two protocols, without people and organizations: what to send to a provider, what its answer says,
and whether it may be believed. Everything that comes from outside fails with `SignInRefused`."""
