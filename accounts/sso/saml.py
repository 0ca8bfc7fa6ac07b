"""SAML 2.0, web browser single sign-on, begun by us. python3-saml verifies schema, signatures and times; what it leaves
optional, or compares loosely, is asked for here once more."""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape

from cryptography import x509
from lxml import etree
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings

from accounts.sso.contracts import Claims, SignInRefused

# A response of a directory with hundreds of groups in it has some tens of kilobytes.
LARGEST_RESPONSE = 512 * 1024
_SAML = "{urn:oasis:names:tc:SAML:2.0:assertion}"
_CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims"
EMAIL_NAMES = ("email", "mail", f"{_CLAIMS}/emailaddress", "urn:oid:0.9.2342.19200300.100.1.3")
NAME_NAMES = ("displayName", "name", "http://schemas.microsoft.com/identity/claims/displayname", f"{_CLAIMS}/name")
VERIFIED_NAMES = ("email_verified", "http://schemas.auth0.com/email_verified")
# Authentication contexts that say that more than one factor was asked.
_SECOND_FACTORS = {
    "https://refeds.org/profile/mfa",
    "http://schemas.microsoft.com/claims/multipleauthn",
    "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken",
}
# What python3-saml says when it refuses, where we have words of our own for it.
_REASONS = {
    OneLogin_Saml2_ValidationError.WRONG_AUDIENCE: "bad_audience",
    OneLogin_Saml2_ValidationError.WRONG_DESTINATION: "bad_recipient",
    OneLogin_Saml2_ValidationError.EMPTY_DESTINATION: "bad_recipient",
    OneLogin_Saml2_ValidationError.WRONG_INRESPONSETO: "bad_request_id",
    OneLogin_Saml2_ValidationError.WRONG_ISSUER: "bad_issuer",
    OneLogin_Saml2_ValidationError.INVALID_SIGNATURE: "bad_signature",
    OneLogin_Saml2_ValidationError.NO_SIGNATURE_FOUND: "bad_signature",
    OneLogin_Saml2_ValidationError.NO_SIGNED_ASSERTION: "bad_signature",
    OneLogin_Saml2_ValidationError.STATUS_CODE_IS_NOT_SUCCESS: "denied",
}


@dataclass(frozen=True, slots=True)
class Trust:
    """A provider and this site, as they know each other.

    Attributes:
        entity_id, sso_url, certificates: the provider's; the certificates as base64 of DER, more than one while it
            changes its key.
        own_entity_id, acs_url: ours, one for each provider, so that an answer fits one only.
    """

    entity_id: str
    sso_url: str
    certificates: tuple[str, ...]
    own_entity_id: str
    acs_url: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """What was believed. `id` is good once."""

    id: str
    claims: Claims


def certificate(text: str) -> str:
    """Return a certificate, given as PEM or as bare base64, as base64 of DER.

    Raises:
        ValueError: it is none.
    """
    body = "".join(line for line in text.split() if not line.startswith("-") and not line.endswith("-----"))
    try:
        der = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
    x509.load_der_x509_certificate(der)
    return base64.b64encode(der).decode()


def authentication_request(trust: Trust, *, relay_state: str) -> tuple[str, str]:
    """Return the request's id and where the browser goes with it."""
    # The library writes the address into XML as it is.
    request = OneLogin_Saml2_Authn_Request(_settings(trust, sso_url=escape(trust.sso_url, {'"': "&quot;"})))
    parameters = urlencode({"SAMLRequest": request.get_request(), "RelayState": relay_state})
    return request.get_id(), f"{trust.sso_url}{'&' if '?' in trust.sso_url else '?'}{parameters}"


def metadata(trust: Trust) -> bytes:
    """This site's own description, for the provider to read."""
    found = _settings(trust).get_sp_metadata()
    return found if isinstance(found, bytes) else found.encode()


def assertion_in(trust: Trust, *, response: str, request_id: str) -> Assertion:
    """Verify a response and return what it asserts.

    Args:
        response: the form's field, in base64.

    Raises:
        SignInRefused: for whatever reason it can not be believed.
    """
    _look_over(response)
    try:
        parsed = OneLogin_Saml2_Response(_settings(trust), response)
        parsed.is_valid(_addressed_to(trust.acs_url), request_id=request_id, raise_exceptions=True)
        _ask_for_more(parsed, trust, request_id)
        return Assertion(id=str(parsed.get_assertion_id()), claims=_claims(parsed))
    except OneLogin_Saml2_ValidationError as error:
        raise SignInRefused(_REASONS.get(error.code, "bad_response"), str(error)) from error
    except (OneLogin_Saml2_Error, etree.Error, ValueError, KeyError, TypeError, AttributeError) as error:
        # Of the library, over XML that is not what it expects.
        raise SignInRefused("bad_response", f"{type(error).__name__}: {error}") from error


def _look_over(response: str) -> None:
    """Refuse what no provider sends: signatures do not cover comments, so a comment may not be in any value."""
    if len(response) > LARGEST_RESPONSE:
        raise SignInRefused("bad_response", "it is too large")
    try:
        xml = base64.b64decode(response)
    except binascii.Error as error:
        raise SignInRefused("bad_response", "it is no base64") from error
    if b"<!" in xml or b"\0" in xml or b"<?" in xml.lstrip()[2:]:
        raise SignInRefused("bad_response", "it has a comment, a declaration or an instruction in it")


def _ask_for_more(parsed: OneLogin_Saml2_Response, trust: Trust, request_id: str) -> None:
    """What python3-saml accepts when it is left out, and its comparisons of parts of addresses."""
    (assertion,) = parsed.document.iter(f"{_SAML}Assertion")
    if assertion.getparent() is not parsed.document or assertion.get("ID") != parsed.get_assertion_id():
        raise SignInRefused("bad_response", "the assertion is not where it has to be")
    if parsed.get_in_response_to() != request_id:
        raise SignInRefused("bad_request_id")
    if parsed.document.get("Destination", trust.acs_url) != trust.acs_url:
        raise SignInRefused("bad_recipient")
    if trust.own_entity_id not in parsed.get_audiences():
        raise SignInRefused("bad_audience")
    confirmations = list(_confirmations(assertion))
    if not any(item.get("Recipient") == trust.acs_url for item in confirmations):
        raise SignInRefused("bad_recipient")
    wanted = {"Recipient": trust.acs_url, "InResponseTo": request_id}
    if not any(wanted.items() <= dict(item.items()).items() and item.get("NotOnOrAfter") for item in confirmations):
        raise SignInRefused("bad_request_id")


def _confirmations(assertion: Any) -> Iterator[Any]:
    """Data of the confirmations that count when the browser brings the assertion."""
    for confirmation in assertion.iterfind(f"{_SAML}Subject/{_SAML}SubjectConfirmation"):
        if confirmation.get("Method") == Names.CM_BEARER:
            yield from confirmation.iterfind(f"{_SAML}SubjectConfirmationData")


def _claims(parsed: OneLogin_Saml2_Response) -> Claims:
    name = parsed.get_nameid_data()
    if not name.get("Value") or name.get("Format") == Names.NAMEID_TRANSIENT:
        raise SignInRefused("no_subject")
    found = parsed.get_attributes()
    values = {key: [item for item in items if isinstance(item, str)] for key, items in found.items()}
    email = _first(values, EMAIL_NAMES)
    if not email and name.get("Format") == Names.NAMEID_EMAIL_ADDRESS:
        email = name["Value"]
    verified = _first(values, VERIFIED_NAMES).lower()
    return Claims(
        subject=name["Value"],
        email=email,
        email_verified=verified in {"true", "1"} if verified else None,
        name=_first(values, NAME_NAMES),
        values=values,
        second_factor=not _SECOND_FACTORS.isdisjoint(parsed.get_authn_contexts()),
    )


def _first(values: dict[str, list[str]], names: tuple[str, ...]) -> str:
    return next((values[name][0] for name in names if values.get(name)), "")


def _addressed_to(acs_url: str) -> dict[str, Any]:
    """Where the response arrived, as the library wants it; from our own settings and not from the request's headers."""
    parts = urlsplit(acs_url)
    return {
        "https": "on" if parts.scheme == "https" else "off",
        "http_host": parts.netloc,
        "script_name": "",
        "path_info": parts.path,
        "get_data": {},
        "post_data": {},
    }


def _settings(trust: Trust, *, sso_url: str = "") -> OneLogin_Saml2_Settings:
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "debug": False,
            "sp": {
                "entityId": trust.own_entity_id,
                "assertionConsumerService": {"url": trust.acs_url, "binding": Names.BINDING_HTTP_POST},
                "NameIDFormat": Names.NAMEID_UNSPECIFIED,
            },
            "idp": {
                "entityId": trust.entity_id,
                "singleSignOnService": {"url": sso_url or trust.sso_url, "binding": Names.BINDING_HTTP_REDIRECT},
                "x509certMulti": {"signing": list(trust.certificates)},
            },
            "security": {
                "wantAssertionsSigned": True,
                "wantNameId": True,
                "wantAttributeStatement": False,
                "requestedAuthnContext": False,
                "rejectDeprecatedAlgorithm": True,
                # A directory may send a name twice, for example one for each group.
                "allowRepeatAttributeName": True,
            },
        }
    )
