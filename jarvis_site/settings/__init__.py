"""All settings, from the environment. `docs/configuration.md` lists the variables; nothing else reads os.environ."""

import sys
from pathlib import Path
from typing import Any

from django.utils.csp import CSP
from psycopg.conninfo import make_conninfo

from jarvis_site.settings.env import Environment
from jarvis_site.settings.logs import logging_config

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE_DIR = Path(env.text("JARVIS_STATE_DIR", str(BASE_DIR / ".state")))

# Where this process runs ------------------------------------------------------------------------------------------
PRODUCTION = env.flag("JARVIS_PRODUCTION")
TESTING = "pytest" in sys.modules
DEBUG = env.flag("JARVIS_DEBUG")
# Only outside production: a key that everybody can read must never sign a real session.
SECRET_KEY = env.text("JARVIS_SECRET_KEY", None if PRODUCTION else "for-development-only-" + "x" * 40)
SECRET_KEY_FALLBACKS = env.words("JARVIS_SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = env.words("JARVIS_HOSTS", "" if PRODUCTION else "localhost,127.0.0.1,[::1]")
SITE_URL = env.text("JARVIS_SITE_URL", "http://127.0.0.1:8000")
CSRF_TRUSTED_ORIGINS = [SITE_URL]

# Parts ------------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.forms",  # the stock widgets, of which templates/django/forms replaces some
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "jarvis_site.admin.apps.UnfoldConfig",  # its templates stand before Django's own
    "django.contrib.admin.apps.SimpleAdminConfig",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "django_htmx",
    "django_structlog",
    "jarvis_site.kernel",
    "jarvis_site.observability",
    "jarvis_site.audit",
    "accounts",
    "permissions",
    "notifications",
    "agents",
    "agents.servers.calendar",
    "agents.servers.mail",
    "agents.servers.files",
    "chat",
    "activities",
]
if not PRODUCTION:
    INSTALLED_APPS += ["jarvis_site.demo"]
if "runserver" in sys.argv:
    # It replaces runserver, so it stands before staticfiles; every other process starts sooner without it.
    INSTALLED_APPS.insert(0, "daphne")
# The pages of operators: in production only where they are asked for, in a process of their own.
OPERATOR_PAGES = env.flag("JARVIS_OPERATOR_PAGES", default=not PRODUCTION)
# auth.W004: the address is unique by a constraint on its lower-case form, which the check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "jarvis_site.observability.middleware.MetricsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.TenantMiddleware",
    "jarvis_site.kernel.idempotency.IdempotencyMiddleware",
    "jarvis_site.kernel.errors.middleware.ProblemMiddleware",
]
ROOT_URLCONF = "jarvis_site.urls"
ASGI_APPLICATION = "jarvis_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "jarvis_site.shell.context",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static"],
        },
    }
]


# Data: the application's role, the owner of the tables (migrations), the platform's own role (sweepers) -----------
def _database(name: str, role: str, *, engine: str, **extra: Any) -> dict[str, Any]:
    address = env.database(name, make_conninfo(host=str(STATE_DIR / "run"), dbname="jarvis", user=role))
    address["OPTIONS"] |= extra.pop("OPTIONS", {})
    return {"ENGINE": engine, **address, **extra}


_POOL = {"min_size": 4, "max_size": env.number("JARVIS_DATABASE_POOL", 16), "timeout": 10}
# A connection that died with a restart of the database is noticed when it is taken, not by a person's request.
_pooled: dict[str, Any] = {} if TESTING else {"OPTIONS": {"pool": _POOL}, "CONN_HEALTH_CHECKS": True}
_TENANT_BACKEND = "jarvis_site.kernel.tenancy.pg"
_STOCK_BACKEND = "django.db.backends.postgresql"
DATABASES = {
    "default": _database("DATABASE_URL", "jarvis_app", engine=_TENANT_BACKEND, TEST={"MIRROR": "owner"}, **_pooled),
    "platform": _database(
        "DATABASE_PLATFORM_URL", "jarvis_platform", engine=_STOCK_BACKEND, TEST={"MIRROR": "owner"}, **_pooled
    ),
    "owner": _database("DATABASE_OWNER_URL", "jarvis_owner", engine=_STOCK_BACKEND, TEST={"DEPENDENCIES": []}),
}
DATABASE_ROUTERS = ["jarvis_site.kernel.tenancy.router.TenantRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL", f"unix://{STATE_DIR / 'run' / 'valkey.sock'}")
CHANNEL_LAYERS = {
    "default": {
        # The pubsub layer loses nothing where the core layer dropped 20-30 % under load (docs/adr/0004).
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": env.text("JARVIS_CHANNEL_PREFIX", "jarvis")},
    }
}
# Shared by all processes: limits on failed attempts and used codes count wherever they happen. `cache.clear()` would
# empty the whole Valkey database, queues included: nothing may call it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": env.text("JARVIS_CACHE_PREFIX", "jarvis"),
        "OPTIONS": {"serializer": "jarvis_site.kernel.cache.JsonSerializer"},
    }
}
# Steps of one organization under way at the same time, over all workers: one that starts thousands leaves room.
STEPS_AT_ONCE = env.number("JARVIS_STEPS_AT_ONCE", 64)
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", REDIS_URL.replace("unix://", "redis+socket://"))
# How long a worker that is told to end may go on with what it has begun.
DRAIN_SECONDS = env.number("JARVIS_DRAIN_SECONDS", 30)

# Accounts ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_SIGNUP_FORM_CLASS = "accounts.forms.OrganizationSignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = env.text("JARVIS_EMAIL_VERIFICATION", "mandatory" if PRODUCTION else "optional")
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_SESSION_REMEMBER = True
# Whether an address has an account is told to nobody: not at the sign-in, the sign-up or the password reset.
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 5 * 60
# What changes about an account is told by mail. Subjects say whose mail it is by themselves.
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# Failed attempts, over all processes: by network address, and by the person who is tried.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key", "login": "30/m/ip", "reauthenticate": "10/m/user"}
# How many proxies of ours add to X-Forwarded-For; with 0 the header is not believed.
ALLAUTH_TRUSTED_PROXY_COUNT = env.number("JARVIS_TRUSTED_PROXIES", 0)
MFA_ADAPTER = "accounts.adapter.MfaAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Where addresses have to be confirmed, nobody can lock their real owner out by signing up with one first.
MFA_ALLOW_UNVERIFIED_EMAIL = ACCOUNT_EMAIL_VERIFICATION != "mandatory"
MFA_TOTP_ISSUER = "Jarvis"
MFA_FORMS = {
    "add_webauthn": "accounts.sign_in_forms.NewPasskeyForm",
    "authenticate_webauthn": "accounts.sign_in_forms.PasskeyForm",
    "login_webauthn": "accounts.sign_in_forms.PasskeyLoginForm",
    "reauthenticate_webauthn": "accounts.sign_in_forms.PasskeyProofForm",
}
# A code is good for its own half minute only: with a tolerance it would outlive the memory of its use.
MFA_TOTP_TOLERANCE = 0
# Identity providers are servers that organizations name. On our own network none is asked, unless it is allowed.
SSO_PRIVATE_ADDRESSES = env.flag("JARVIS_SSO_PRIVATE_ADDRESSES", default=DEBUG)
SSO_PLAIN_HTTP = not PRODUCTION and env.flag("JARVIS_SSO_PLAIN_HTTP", default=DEBUG)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_NAME = "jarvis_session"
CSRF_COOKIE_NAME = "jarvis_csrf"

# Name servers that are asked whose an e-mail domain is, as host:port; the system's own when empty.
DNS_SERVERS = env.words("JARVIS_DNS_SERVERS", "")

# Text, times, files -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
# Filled by `collectstatic` for production; elsewhere files are served from where they lie.
STATIC_ROOT = BASE_DIR / "staticfiles" if PRODUCTION else STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "jarvis_site.storage.HashedModuleStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# Safety -----------------------------------------------------------------------------------------------------------
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:"],
    "connect-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

# Mail that the site itself sends (verification, password reset) ---------------------------------------------------
_SITE_SMTP_HOST = env.text("JARVIS_SITE_SMTP_HOST", "")
_SITE_SMTP = {
    "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "OPTIONS": {
        "host": _SITE_SMTP_HOST,
        "port": env.number("JARVIS_SITE_SMTP_PORT", 25),
        "username": env.text("JARVIS_SITE_SMTP_USER", ""),
        "password": env.text("JARVIS_SITE_SMTP_PASSWORD", ""),
        "use_tls": env.flag("JARVIS_SITE_SMTP_TLS"),
        "timeout": 20,  # a server that does not answer must not keep a worker for ever
    },
}
MAILERS = {"default": _SITE_SMTP if _SITE_SMTP_HOST else {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
DEFAULT_FROM_EMAIL = env.text("JARVIS_SITE_FROM", "jarvis@localhost")

# The model; without a base URL and a model name the local planner answers -----------------------------------------
MODEL_BASE_URL = env.text("JARVIS_MODEL_BASE_URL", "")
MODEL_API_KEY = env.text("JARVIS_MODEL_API_KEY", "")
MODEL_NAME = env.text("JARVIS_MODEL_NAME", "")
MODEL_TIMEOUT_SECONDS = env.number("JARVIS_MODEL_TIMEOUT_SECONDS", 60)
# The longest answer, thinking included: asked of the server, and set aside before each call. The longest sensible plan
# is about 10,000 tokens.
MODEL_ANSWER_TOKENS = env.number("JARVIS_MODEL_ANSWER_TOKENS", 16_000)
# Some servers refuse to be asked what a reply has used; then it is estimated.
MODEL_REPORTS_USAGE = env.flag("JARVIS_MODEL_REPORTS_USAGE", default=True)
# US dollars for a million tokens.
MODEL_PRICE_INPUT = env.decimal("JARVIS_MODEL_PRICE_INPUT", "0")
MODEL_PRICE_OUTPUT = env.decimal("JARVIS_MODEL_PRICE_OUTPUT", "0")

# Runs ---------------------------------------------------------------------------------------------------------------
# How long something final, such as a mail, is held before it is done, so that it can still be stopped.
HOLD_FINAL_SECONDS = env.number("JARVIS_HOLD_FINAL_SECONDS", 5)

# The usual limits, which administrators of an organization may set differently; 0 for none. They stop what has gone
# astray and are far from what people do: fifty steps of fifty items each; a day of work without a pause; planning again
# three times with three tries each; a person who writes to a model all day; fifty such people all month.
LIMITS = {
    "run-steps-run": env.number("JARVIS_LIMIT_RUN_STEPS", 3_000),
    "run-seconds-run": env.number("JARVIS_LIMIT_RUN_SECONDS", 86_400),
    "run-tokens-run": env.number("JARVIS_LIMIT_RUN_TOKENS", 500_000),
    "run-money-run": env.number("JARVIS_LIMIT_RUN_MONEY", 0),
    "person-steps-day": env.number("JARVIS_LIMIT_PERSON_STEPS_DAY", 0),
    "person-tokens-day": env.number("JARVIS_LIMIT_PERSON_TOKENS_DAY", 2_000_000),
    "person-money-month": env.number("JARVIS_LIMIT_PERSON_MONEY_MONTH", 0),
    "organization-steps-day": env.number("JARVIS_LIMIT_ORGANIZATION_STEPS_DAY", 0),
    "organization-tokens-month": env.number("JARVIS_LIMIT_ORGANIZATION_TOKENS_MONTH", 2_000_000_000),
    "organization-money-month": env.number("JARVIS_LIMIT_ORGANIZATION_MONEY_MONTH", 0),
}

# Tool servers: each is a folder with a `server.py` and a `skill.py` -------------------------------------------------
TOOL_SERVERS = ["agents.servers.calendar", "agents.servers.mail", "agents.servers.files"]
# Copies of data that people asked for, for a week: in no folder that anything serves.
EXPORTS_DIR = Path(env.text("JARVIS_EXPORTS_DIR", str(STATE_DIR / "exports")))
# Where the heads of the audit record are written down, best on another machine's disk than the database's.
AUDIT_ANCHORS_DIR = Path(env.text("JARVIS_AUDIT_ANCHORS_DIR", str(STATE_DIR / "anchors")))
WORKSPACE_DIR = Path(env.text("JARVIS_WORKSPACE_DIR", str(STATE_DIR / "workspaces")))
CALDAV_URL = env.text("JARVIS_CALDAV_URL", "")
CALDAV_USER = env.text("JARVIS_CALDAV_USER", "")
CALDAV_PASSWORD = env.text("JARVIS_CALDAV_PASSWORD", "")
SMTP_HOST = env.text("JARVIS_SMTP_HOST", "")
SMTP_PORT = env.number("JARVIS_SMTP_PORT", 587)
SMTP_USER = env.text("JARVIS_SMTP_USER", "")
SMTP_PASSWORD = env.text("JARVIS_SMTP_PASSWORD", "")
SMTP_TLS = env.flag("JARVIS_SMTP_TLS", default=True)
IMAP_HOST = env.text("JARVIS_IMAP_HOST", "")
IMAP_PORT = env.number("JARVIS_IMAP_PORT", 993)
IMAP_USER = env.text("JARVIS_IMAP_USER", "")
IMAP_PASSWORD = env.text("JARVIS_IMAP_PASSWORD", "")
IMAP_TLS = env.flag("JARVIS_IMAP_TLS", default=True)
TOOL_TOKEN = env.text("JARVIS_TOOL_TOKEN", "")  # what callers of `python -m agents.servers.<name> --http` must know

# Logs -------------------------------------------------------------------------------------------------------------
LOG_JSON = env.flag("JARVIS_LOG_JSON", default=PRODUCTION)
LOGGING = logging_config(json_lines=LOG_JSON, level=env.text("JARVIS_LOG_LEVEL", "INFO"))
DJANGO_STRUCTLOG_USER_ID_FIELD = "pk"
