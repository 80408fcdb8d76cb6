-- A role for portals and workers that cannot change the audit trail.
--
-- Run as the owner of the database, after each migration:
--
--     psql -v role=clearpost_app -f grants.sql clearpost
--
-- Migrations keep running as the owner. Portals and workers connect as this role: it owns no table, so
-- it can neither drop a trigger nor empty a table, and it has no right to change events, their links
-- and the seals of rows. Set its password with ALTER ROLE.

SELECT format('CREATE ROLE %I LOGIN', :'role')
WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = :'role') \gexec

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM :"role";
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO :"role";
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO :"role";

-- Rows that triggers keep are never deleted; the trail is never changed either.
SELECT format('GRANT UPDATE ON public.%I TO %I', c.relname, :'role')
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND c.relname NOT IN ('event', 'event_link', 'row_seal', 'alembic_version') \gexec

SELECT format('GRANT DELETE ON public.%I TO %I', c.relname, :'role')
FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND c.relname <> 'alembic_version'
  AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = c.relname || '_no_delete')
\gexec

-- Row-level security by company, as a second line behind the program. A request of the portal or the
-- API names its company in the setting clearpost.company: then no row of another company is visible
-- or written. Workers and commands, which serve all companies, set none. People, and the tables that
-- connect them with companies, are read before the company is known.
SELECT format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', a.table_name)
FROM information_schema.columns a
WHERE a.table_schema = 'public' AND a.column_name = 'company_id'
  AND a.table_name NOT IN ('membership', 'former_member', 'access_link') \gexec

SELECT format('DROP POLICY IF EXISTS company_rows ON public.%I', c.relname)
FROM pg_class c
WHERE c.relrowsecurity AND c.relnamespace = 'public'::regnamespace \gexec

SELECT format('CREATE POLICY company_rows ON public.%I USING (company_id IS NULL OR company_id = '
    'coalesce(nullif(current_setting(''clearpost.company'', true), '''')::bigint, company_id))', c.relname)
FROM pg_class c
WHERE c.relrowsecurity AND c.relnamespace = 'public'::regnamespace \gexec
