"""People, organizations, who belongs where, and what they may."""

from accounts.models.data_rights import DataExport, Erasure, Retention
from accounts.models.directories import Identity, IdentityProvider, ScimToken, SignInAttempt
from accounts.models.joining import EmailDomain, Invitation, JoinRequest
from accounts.models.keys import ApiKey
from accounts.models.organizations import CustomRole, FormerAddress, Membership, Organization
from accounts.models.people import User, initials
from accounts.models.sessions import MemberSession
from accounts.models.site_mail import KnownDevice, SiteMail
from accounts.models.teams import Team, TeamMember

__all__ = [
    "ApiKey",
    "CustomRole",
    "DataExport",
    "EmailDomain",
    "Erasure",
    "FormerAddress",
    "Identity",
    "IdentityProvider",
    "Invitation",
    "JoinRequest",
    "KnownDevice",
    "MemberSession",
    "Membership",
    "Organization",
    "Retention",
    "ScimToken",
    "SignInAttempt",
    "SiteMail",
    "Team",
    "TeamMember",
    "User",
    "initials",
]
