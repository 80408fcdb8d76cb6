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
