"""OpenID Connect: authorization code with PKCE. Tokens are verified by PyJWT; what else the standard asks is here."""

import hashlib
import hmac
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import jwt

from accounts.sso.contracts import Claims, SignInRefused, texts
from accounts.sso.fetching import checked_url, fetch_json

# Signatures by a private key only: `none` and those by a shared secret are nobody's proof.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# Between two machines' clocks.
LEEWAY_SECONDS = 60
SCOPES = "openid email profile"
DISCOVERY_PATH = "/.well-known/openid-configuration"
# `amr` values that say that more than one factor was asked (RFC 8176).
SECOND_FACTOR = "mfa"


@dataclass(frozen=True, slots=True)
class Client:
    """This site, as one provider knows it.

    Attributes:
        scopes: beside `SCOPES`, for providers that want one for groups.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    scopes: str = ""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What a provider says about itself."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    basic_authentication: bool


def discover(issuer: str) -> Endpoints:
    """Read where the provider does what.

    Raises:
        SignInRefused: it can not be read, or speaks for another issuer.
    """
    found = fetch_json(issuer.removesuffix("/") + DISCOVERY_PATH)
    if found.get("issuer") != issuer:
        raise SignInRefused("bad_discovery", f"it says that its issuer is {found.get('issuer')}")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if not all(isinstance(found.get(name), str) for name in names):
        raise SignInRefused("bad_discovery", "an endpoint is missing")
    authorization, token, keys = (str(found[name]) for name in names)
    checked_url(authorization)
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    userinfo = found.get("userinfo_endpoint")
    return Endpoints(authorization, token, keys, userinfo if isinstance(userinfo, str) else "", _prefers_basic(methods))


def authorization_url(client: Client, endpoints: Endpoints, *, state: str, nonce: str, verifier: str) -> str:
    """Where the browser goes."""
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    parameters = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": f"{SCOPES} {client.scopes}".strip(),
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{endpoints.authorization}{'&' if '?' in endpoints.authorization else '?'}{urlencode(parameters)}"


def claims_for(client: Client, *, code: str, verifier: str, nonce: str) -> Claims:
    """Change the code for tokens and return what they say.

    Raises:
        SignInRefused: the provider can not be reached, or its answer can not be believed.
    """
    endpoints = discover(client.issuer)
    tokens = _exchange(client, endpoints, code=code, verifier=verifier)
    found = _verified(str(tokens.get("id_token", "")), client, endpoints, nonce=nonce)
    access_token = tokens.get("access_token")
    if "email" not in found and endpoints.userinfo and isinstance(access_token, str):
        found = _with_userinfo(found, endpoints, access_token)
    return _claims(found)


def _exchange(client: Client, endpoints: Endpoints, *, code: str, verifier: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": client.redirect_uri,
        "code_verifier": verifier,
    }
    headers = {}
    if client.client_secret and endpoints.basic_authentication:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = client.client_id
        form |= {"client_secret": client.client_secret} if client.client_secret else {}
    return fetch_json(endpoints.token, form=form, headers=headers)


def _verified(token: str, client: Client, endpoints: Endpoints, *, nonce: str) -> dict[str, Any]:
    """Signature, issuer, audience, times and nonce of an ID token."""
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise SignInRefused("bad_token", f"its algorithm is {header.get('alg')}")
        found: dict[str, Any] = jwt.decode(
            token,
            _key(endpoints.keys, header),
            algorithms=ALGORITHMS,
            audience=client.client_id,
            issuer=client.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise SignInRefused("bad_token", f"{type(error).__name__}: {error}") from error
    several = isinstance(found["aud"], list) and len(found["aud"]) > 1
    if (several or "azp" in found) and found.get("azp") != client.client_id:
        raise SignInRefused("bad_token", "it is meant for somebody else, too")
    if not hmac.compare_digest(str(found.get("nonce", "")).encode(), nonce.encode()):
        raise SignInRefused("bad_nonce")
    return found


def _key(address: str, header: dict[str, Any]) -> jwt.PyJWK:
    """The provider's key with the token's id; without an id its only fitting one."""
    try:
        keys = jwt.PyJWKSet.from_dict(fetch_json(address)).keys
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SignInRefused("bad_token", f"the provider's keys are unreadable: {type(error).__name__}") from error
    signing = [key for key in keys if key.public_key_use in {None, "sig"} and key.algorithm_name in ALGORITHMS]
    fitting = [key for key in signing if "kid" not in header or key.key_id == header["kid"]]
    if len(fitting) != 1:
        raise SignInRefused("bad_token", "the provider has no such key")
    return fitting[0]


def _with_userinfo(found: dict[str, Any], endpoints: Endpoints, access_token: str) -> dict[str, Any]:
    more = fetch_json(endpoints.userinfo, headers={"Authorization": f"Bearer {access_token}"})
    if more.get("sub") != found["sub"]:
        raise SignInRefused("bad_token", "the details are about somebody else")
    # What is signed comes first.
    return {**more, **found}


def _claims(found: dict[str, Any]) -> Claims:
    if not isinstance(found["sub"], str):
        raise SignInRefused("no_subject")
    email, name, amr = found.get("email"), found.get("name"), found.get("amr")
    return Claims(
        subject=found["sub"],
        email=email if isinstance(email, str) else "",
        email_verified=_truth(found.get("email_verified")),
        name=name if isinstance(name, str) else "",
        values={key: texts(value) for key, value in found.items()},
        second_factor=isinstance(amr, list) and SECOND_FACTOR in amr,
    )


def _truth(value: Any) -> bool | None:
    """Some providers write the word instead of the value; anything else is no."""
    return None if value is None else value is True or value == "true"


def _prefers_basic(methods: Any) -> bool:
    return not isinstance(methods, list) or "client_secret_basic" in methods or "client_secret_post" not in methods
