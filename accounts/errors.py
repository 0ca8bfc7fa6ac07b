"""What can go wrong with accounts."""

from django.utils.translation import gettext_lazy as _

from jarvis_site.kernel.errors import Conflict, Forbidden, Invalid, JarvisError, NotFound


class AlreadyMember(Conflict):
    code = "already_member"
    message = _("This person is a member already.")


class MemberSuspended(Conflict):
    code = "member_suspended"
    message = _("This person is suspended here. An administrator can let them in again.")


class UnknownTimezone(Invalid):
    code = "unknown_timezone"
    message = _("There is no such time zone.")


class LastOwner(Conflict):
    code = "last_owner"
    message = _("This is the only owner. Make somebody else an owner first. Nothing was changed.")


class AboveYou(Forbidden):
    code = "above_you"
    message = _("This is above your own role, so you may not give, change or take it. Nothing was changed.")


class MayNotGive(Forbidden):
    """Somebody would have got a right that the giver does not have."""

    code = "may_not_give"
    message = _("That would allow somebody something that you may not do yourself. Nothing was changed.")


class NotYourself(Conflict):
    code = "not_yourself"
    message = _("You can not do this to yourself. To go, leave the organization.")


class NameTaken(Conflict):
    code = "name_taken"
    message = _("This name is taken. Choose another.")


class AddressTaken(Conflict):
    code = "address_taken"
    message = _("This address is taken, or kept for the site itself. Choose another.")


class RoleInUse(Conflict):
    code = "role_in_use"
    message = _("People or open invitations have this role. Give them another one first.")


class TeamHasTeams(Conflict):
    code = "team_has_teams"
    message = _("There are teams below this one. Move or delete them first.")


class TeamCycle(Invalid):
    code = "team_cycle"
    message = _("A team can not stand below itself or below one of its own teams.")


class TeamTooDeep(Invalid):
    code = "team_too_deep"
    message = _("Teams can be nested ten levels deep at most.")


class InvitationGone(NotFound):
    code = "invitation_gone"
    message = _("This invitation does not hold, or holds no more. Ask whoever invited you to send it again.")


class InvitationElsewhere(Forbidden):
    code = "invitation_elsewhere"
    message = _("This invitation is for another e-mail address. Sign in with the account of that address.")


class TooManyAddresses(Invalid):
    code = "too_many_addresses"
    message = _("That are more than 200 addresses. Nobody was invited; send them in parts.")


class BadDomain(Invalid):
    code = "bad_domain"
    message = _("This is no domain of e-mail addresses, such as example.com.")


class DomainTaken(Conflict):
    code = "domain_taken"
    message = _("This domain is in the list already.")


class NotOffered(NotFound):
    code = "not_offered"
    message = _("This organization does not take people with your confirmed addresses.")


class AlreadyAsked(Conflict):
    code = "already_asked"
    message = _("You have asked already. An administrator will answer.")


class UnknownRight(Invalid):
    code = "unknown_right"
    message = _("There is no such right.")


class UnknownScope(Invalid):
    code = "unknown_scope"
    message = _("There is no such scope. Nothing was made.")


class TooManyKeys(Conflict):
    code = "too_many_keys"
    message = _("There are too many keys already. Revoke one that is not used any more.")


class TooManyServiceAccounts(Conflict):
    code = "too_many_service_accounts"
    message = _("There are too many service accounts already. Delete one that is not used any more.")


class KeyIsOver(Conflict):
    code = "key_is_over"
    message = _("This key is revoked, expired or replaced already.")


class KeyInAddress(Invalid):
    code = "key_in_address"
    message = _(
        "A key does not belong in an address, which others can read in logs. Revoke it, and send the new one in the"
        " header Authorization."
    )


class TooManyAttempts(JarvisError):
    code = "too_many_attempts"
    status = 429
    message = _("Too many wrong keys came from your address. Wait a minute, then try again.")
    retryable = True


class OtherSignIn(Forbidden):
    """The session is a real one, but not one that counts in this organization."""

    code = "other_sign_in"
    message = _("This organization asks for another sign-in. Open it in the browser, and sign in there.")


class ProviderNameTaken(Conflict):
    code = "provider_name_taken"
    message = _("There is a provider with this name already. Nothing was saved.")


class ProviderNotReady(Conflict):
    code = "provider_not_ready"
    message = _(
        "Single sign-on can be required only when a test of this provider went well and an owner has switched it on."
        " Nothing was changed."
    )


class NoBreakGlass(Conflict):
    code = "no_break_glass"
    message = _("While single sign-on is required, at least one owner has to get in without it. Nothing was changed.")


class NotBreakGlass(Invalid):
    code = "not_break_glass"
    message = _(
        "Only owners with a password of their own, and a second factor where the organization requires one, can sign in"
        " without single sign-on. Nothing was changed."
    )


class WrongToken(JarvisError):
    code = "wrong_token"
    status = 401
    message = _("This address needs a token of the organization. Make one under “Directory (SCIM)”.")


class BadAddress(Invalid):
    code = "bad_address"
    message = _("The userName has to be the person's email address.")


class AddressNotYours(Conflict):
    """Read in the directory's own log: Okta shows it under the task that failed, Entra ID in the provisioning logs."""

    code = "address_not_yours"
    message = _(
        "There is an account with this address already, which the organization does not answer for: it has not verified"
        " the e-mail domain, or the person has not confirmed the address. Nothing was changed. Verify the domain under"
        " “Settings, E-mail domains”, or invite the person, then provision them again."
    )


class ExternalIdTaken(Conflict):
    code = "external_id_taken"
    message = _("Something else has this externalId already, or it is too long.")


class UnknownGroupMember(Invalid):
    code = "unknown_group_member"
    message = _("Somebody in this group is no user here. Nothing was changed.")


class BadGroupName(Invalid):
    code = "bad_group_name"
    message = _("A group needs a displayName of at most 80 characters.")


class NotTheDirectorys(Forbidden):
    code = "not_the_directorys"
    message = _("An owner's address, and a break-glass owner, are changed by people and not by the directory.")


class SecondFactorFirst(Invalid):
    code = "second_factor_first"
    message = _("Set up a second factor of your own first; otherwise you would lock yourself out.")


class OwnWayMissing(Invalid):
    code = "own_way_missing"
    message = _("Leave a way that you can use yourself; otherwise you would lock yourself out.")
