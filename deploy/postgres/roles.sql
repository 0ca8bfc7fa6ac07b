-- Roles, extensions and the tenant functions. Run as a superuser, once per database, and again after an upgrade; it
-- may be repeated at any time:
--
--   psql "host=... dbname=jarvis user=postgres" -v ON_ERROR_STOP=1 -f deploy/postgres/roles.sql
--   psql "host=... dbname=jarvis user=postgres" -c "\password jarvis_app"     (likewise jarvis_platform, jarvis_owner)
--
-- Passwords are set separately, so that no secret is in this file; certificates or peer authentication are better.
-- Then `manage.py migrate`, which runs as jarvis_owner. Where tests run, also run it on template1: a test database is
-- copied from there and made by jarvis_owner, who may not create extensions.
--
-- jarvis_app       web and workers: sees the rows of one organization, by policy
-- jarvis_platform  sweepers, relay, operators: sees all organizations, by policy
-- jarvis_owner     migrations only: owns the tables, sees no tenant's rows
-- jarvis_lookup    cannot sign in: owns the functions that must read what jarvis_app may not
-- jarvis_search    cannot sign in: for text search functions; under a policy full-text and LIKE indexes are not used
-- None is a superuser or has BYPASSRLS, and jarvis_app is a member of none of the others; system checks watch it.

DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['jarvis_owner', 'jarvis_app', 'jarvis_platform', 'jarvis_lookup', 'jarvis_search'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I', role_name);
    END IF;
  END LOOP;
END
$$;
ALTER ROLE jarvis_owner LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE CREATEDB;  -- CREATEDB: it makes the test databases
ALTER ROLE jarvis_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOINHERIT;
ALTER ROLE jarvis_platform LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOINHERIT;
ALTER ROLE jarvis_lookup NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;
ALTER ROLE jarvis_search NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB;

-- Forced row-level security hides rows from the owner too: a data migration says SET LOCAL ROLE jarvis_platform.
GRANT jarvis_platform TO jarvis_owner WITH INHERIT FALSE, SET TRUE;

-- A request's statement that runs longer than this is a fault; it must not hold a connection or a lock for ever.
ALTER ROLE jarvis_app SET statement_timeout = '30s';
ALTER ROLE jarvis_app SET lock_timeout = '10s';
ALTER ROLE jarvis_app SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE jarvis_platform SET statement_timeout = '60s';
ALTER ROLE jarvis_platform SET lock_timeout = '10s';
ALTER ROLE jarvis_platform SET idle_in_transaction_session_timeout = '60s';
-- A migration may take its time, but not make everybody wait behind a lock that it does not get.
ALTER ROLE jarvis_owner SET lock_timeout = '30s';
-- pg_stat_activity shows a role the statements of its other sessions, so of other organizations.
ALTER ROLE jarvis_app SET track_activities = off;

-- Without rights of PUBLIC there are no temporary tables or functions to shadow ours. Templates are left connectable.
DO $$
BEGIN
  IF NOT (SELECT datistemplate FROM pg_database WHERE datname = current_database()) THEN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO jarvis_owner, jarvis_app, jarvis_platform', current_database());
  END IF;
END
$$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO jarvis_app, jarvis_platform, jarvis_lookup, jarvis_search;
GRANT USAGE, CREATE ON SCHEMA public TO jarvis_owner;

CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS citext;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS unaccent;

-- Large objects know no policies; nothing here uses them.
DO $$
DECLARE
  lo regprocedure;
BEGIN
  FOR lo IN SELECT oid::regprocedure FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname LIKE 'lo\_%' OR proname IN ('loread', 'lowrite'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', lo);
  END LOOP;
END
$$;

-- A role may end its own other sessions, which are those of everybody.
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_cancel_backend(integer), pg_catalog.pg_terminate_backend(integer, bigint)
  FROM PUBLIC;

-- Who is speaking ---------------------------------------------------------------------------------------------------
-- Every statement of jarvis_app is preceded, in the same message, by four transaction-local settings: app.org, app.user,
-- app.door and app.seal. The seal is a hash of the three with a secret and the number of this backend process. Whoever
-- manages to inject SQL can set app.org, but cannot seal it, and a seal seen elsewhere is worth nothing on another
-- connection. The secret comes from the site's SECRET_KEY and its fallbacks; `manage.py migrate` writes it here.
--
-- app.door is open only in statements that the site means for people, sessions and organizations themselves, which
-- belong to no tenant: an injection anywhere else reaches none of these (kernel/tenancy/grants.py).
CREATE TABLE IF NOT EXISTS public.tenancy_secret (secret text PRIMARY KEY);
REVOKE ALL ON public.tenancy_secret FROM PUBLIC;
GRANT INSERT, DELETE ON public.tenancy_secret TO jarvis_owner;
GRANT SELECT ON public.tenancy_secret TO jarvis_lookup;

CREATE OR REPLACE FUNCTION public.app_claim(claim text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  org text := coalesce(current_setting('app.org', true), '');
  person text := coalesce(current_setting('app.user', true), '');
  door text := coalesce(current_setting('app.door', true), '');
  wanted text := CASE claim WHEN 'org' THEN org WHEN 'user' THEN person WHEN 'door' THEN door ELSE '' END;
BEGIN
  IF wanted = '' THEN
    RETURN NULL;
  END IF;
  PERFORM FROM public.tenancy_secret AS known
    WHERE encode(sha256(convert_to(concat_ws('|', known.secret, org, person, door, pg_backend_pid()), 'UTF8')), 'hex')
      = current_setting('app.seal', true);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the tenant is not sealed by this site'
      USING ERRCODE = 'insufficient_privilege', HINT = 'After a change of SECRET_KEY run manage.py migrate.';
  END IF;
  RETURN wanted;
END
$$;
ALTER FUNCTION public.app_claim(text) OWNER TO jarvis_lookup;
REVOKE ALL ON FUNCTION public.app_claim(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.app_claim(text) TO jarvis_app, jarvis_platform, jarvis_search;

-- Which organizations an e-mail domain leads to, over all of them: ids and modes of verified domains, nothing else. The
-- table comes with the migrations, which also give jarvis_lookup its policy; plpgsql looks for it when it is called.
CREATE OR REPLACE FUNCTION public.email_domain_organizations(wanted text)
RETURNS TABLE (organization_id uuid, mode text)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY SELECT found.organization_id, found."join"::text FROM public.accounts_emaildomain AS found
    WHERE found.domain = wanted AND found.verified_at IS NOT NULL;
END
$$;
ALTER FUNCTION public.email_domain_organizations(text) OWNER TO jarvis_lookup;
REVOKE ALL ON FUNCTION public.email_domain_organizations(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.email_domain_organizations(text) TO jarvis_app;

-- What policies call, always as (SELECT app_org()): once per statement, and an index condition.
CREATE OR REPLACE FUNCTION public.app_org() RETURNS uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED RETURN public.app_claim('org')::uuid;
CREATE OR REPLACE FUNCTION public.app_user() RETURNS uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED RETURN public.app_claim('user')::uuid;
CREATE OR REPLACE FUNCTION public.app_door() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED RETURN public.app_claim('door') IS NOT NULL;

-- In which of a member's conversations something was said, by words in any spelling that ILIKE takes for the same. It sees
-- the messages of all organizations, so that the index of words is used, and answers for the one that is sealed only.
CREATE OR REPLACE FUNCTION public.search_conversations(person uuid, pattern text) RETURNS TABLE (conversation_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  org uuid := public.app_org();
BEGIN
  RETURN QUERY SELECT DISTINCT said.conversation_id FROM public.chat_message AS said
    JOIN public.chat_conversation AS own
      ON own.organization_id = said.organization_id AND own.id = said.conversation_id
    WHERE said.organization_id = org AND own.organization_id = org AND own.member_id = person
      AND said.state <> 'writing' AND said.text ILIKE pattern;
END
$$;
ALTER FUNCTION public.search_conversations(uuid, text) OWNER TO jarvis_search;
REVOKE ALL ON FUNCTION public.search_conversations(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.search_conversations(uuid, text) TO jarvis_app;
DROP FUNCTION IF EXISTS public.app_sealed(text);  -- what the two called before
