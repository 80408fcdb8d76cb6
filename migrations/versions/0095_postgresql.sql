-- The schema of version 0095 on PostgreSQL. 0095_baseline.py runs this file.
-- A table comes after the tables that it refers to, and before its own indexes and triggers.
-- A statement ends with a semicolon and a blank line.

CREATE FUNCTION hold_tally_delete() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
 INSERT INTO tally_mark (company_id, record_id) VALUES (OLD.company_id, OLD.record_id);
 RETURN NULL;
END $$;

CREATE FUNCTION hold_tally_insert() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
 INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id);
 RETURN NULL;
END $$;

CREATE FUNCTION hold_tally_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
 INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id);
 RETURN NULL;
END $$;

CREATE FUNCTION posting_tally_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
 INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id);
 RETURN NULL;
END $$;

CREATE FUNCTION record_tally_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
 INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.id);
 RETURN NULL;
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'append-only: %', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;

CREATE FUNCTION refuse_hand_approval() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN IF EXISTS (SELECT 1 FROM posting p
 WHERE p.id = NEW.posting_id AND EXISTS (
  SELECT 1 FROM version v WHERE v.record_id = p.record_id AND v.person_id IN (NEW.person_id, NEW.for_person_id)
  UNION ALL
  SELECT 1 FROM evaluation e JOIN ruleset_version w ON w.id = e.ruleset_version_id
   WHERE e.id = p.evaluation_id AND (w.author_id IN (NEW.person_id, NEW.for_person_id) OR w.published_by_id IN (NEW.person_id, NEW.for_person_id))
  UNION ALL
  SELECT 1 FROM posting_use u JOIN mapping_entry m ON m.id = u.entry_id
    JOIN version v ON v.id = p.version_id
   WHERE u.posting_id = p.id AND m.person_id IN (NEW.person_id, NEW.for_person_id) AND m.at >= v.at
     AND m.from_revision NOT IN (
       SELECT w.revision FROM ruleset_version w WHERE w.company_id = p.company_id)
 UNION ALL 
  SELECT 1 FROM version v JOIN release r
      ON r.record_id = p.record_id AND r.content_sha256 = v.sha256
   WHERE v.id = p.version_id AND r.voided_at IS NULL
     AND (r.person_id IN (NEW.person_id, NEW.for_person_id) OR r.for_person_id IN (NEW.person_id, NEW.for_person_id))
  UNION ALL
  SELECT 1 FROM approval a
   WHERE a.posting_id = p.id AND a.voided_at IS NULL AND a.hash = NEW.hash
     AND a.level <> NEW.level AND (a.person_id IN (NEW.person_id, NEW.for_person_id) OR a.for_person_id IN (NEW.person_id, NEW.for_person_id))
)) THEN RAISE EXCEPTION 'duties kept apart: approval' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;

CREATE FUNCTION refuse_hand_dating() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN IF EXISTS (SELECT 1 FROM posting p JOIN dating d
 ON d.record_id = p.record_id AND d.route = p.route AND d.voided_at IS NULL
 WHERE p.id = NEW.posting_id AND d.person_id IN (NEW.person_id, NEW.for_person_id)) THEN RAISE EXCEPTION 'duties kept apart: approval' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;

CREATE FUNCTION refuse_hand_release() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN IF NEW.kind IN ('release', 'reject') AND (EXISTS (SELECT 1 FROM posting p
 WHERE p.record_id = NEW.record_id AND p.route = NEW.route AND p.seq = NEW.seq AND EXISTS (
  SELECT 1 FROM version v WHERE v.record_id = p.record_id AND v.person_id IN (NEW.person_id, NEW.for_person_id)
  UNION ALL
  SELECT 1 FROM evaluation e JOIN ruleset_version w ON w.id = e.ruleset_version_id
   WHERE e.id = p.evaluation_id AND (w.author_id IN (NEW.person_id, NEW.for_person_id) OR w.published_by_id IN (NEW.person_id, NEW.for_person_id))
  UNION ALL
  SELECT 1 FROM posting_use u JOIN mapping_entry m ON m.id = u.entry_id
    JOIN version v ON v.id = p.version_id
   WHERE u.posting_id = p.id AND m.person_id IN (NEW.person_id, NEW.for_person_id) AND m.at >= v.at
     AND m.from_revision NOT IN (
       SELECT w.revision FROM ruleset_version w WHERE w.company_id = p.company_id)
))
 OR EXISTS (SELECT 1 FROM dating d
 WHERE d.record_id = NEW.record_id AND d.route = NEW.route AND d.voided_at IS NULL
   AND d.person_id IN (NEW.person_id, NEW.for_person_id))
 OR EXISTS (SELECT 1 FROM posting p
 JOIN approval a ON a.posting_id = p.id AND a.hash = p.hash AND a.voided_at IS NULL
 LEFT JOIN push u ON u.id = p.posted_push_id
 WHERE p.record_id = NEW.record_id AND (u.id IS NULL OR u.hash <> p.hash)
   AND (a.person_id IN (NEW.person_id, NEW.for_person_id) OR a.for_person_id IN (NEW.person_id, NEW.for_person_id)))) THEN RAISE EXCEPTION 'duties kept apart: release' USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$;

CREATE FUNCTION refuse_move() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
 RAISE EXCEPTION 'a % never goes from % to %', TG_TABLE_NAME, OLD.state, NEW.state
  USING ERRCODE = 'check_violation';
END $$;

CREATE TABLE backup (
    id bigserial NOT NULL,
    at timestamp with time zone NOT NULL,
    host text NOT NULL,
    file text NOT NULL,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT pk_backup PRIMARY KEY (id)
);

CREATE TABLE clock_mark (
    id bigserial NOT NULL,
    newest_at timestamp with time zone,
    back_at timestamp with time zone,
    back_seconds bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT pk_clock_mark PRIMARY KEY (id)
);

CREATE TABLE company (
    id bigserial NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    zone text NOT NULL,
    currency text NOT NULL,
    revision bigint NOT NULL,
    ruleset_version_id bigint,
    linked_version_id bigint,
    rules_revision bigint NOT NULL,
    settings text NOT NULL,
    lock bigint NOT NULL,
    registration text DEFAULT ''::text NOT NULL,
    closed_through date,
    starts_on date,
    live boolean DEFAULT true NOT NULL,
    went_live_at timestamp with time zone,
    ages_from timestamp with time zone,
    needs_second_factor boolean DEFAULT false NOT NULL,
    CONSTRAINT pk_company PRIMARY KEY (id),
    CONSTRAINT uq_company_code UNIQUE (code)
);

CREATE TABLE heartbeat (
    owner text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    next_by timestamp with time zone NOT NULL,
    left_at timestamp with time zone,
    memory_bytes bigint,
    disk_free_bytes bigint,
    stop_asked_at timestamp with time zone,
    CONSTRAINT pk_heartbeat PRIMARY KEY (owner)
);

CREATE TABLE hold_tally (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    cause_id bigint NOT NULL,
    shape text NOT NULL,
    currency text NOT NULL,
    records bigint DEFAULT '0'::bigint NOT NULL,
    minor bigint DEFAULT '0'::bigint NOT NULL,
    blank bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT pk_hold_tally PRIMARY KEY (id),
    CONSTRAINT uq_hold_tally_company_id_cause_id_shape_currency UNIQUE (company_id, cause_id, shape, currency),
    CONSTRAINT fk_hold_tally_company_id FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE TABLE person (
    id bigserial NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text,
    active boolean NOT NULL,
    settings text NOT NULL,
    CONSTRAINT pk_person PRIMARY KEY (id),
    CONSTRAINT uq_person_email UNIQUE (email)
);

CREATE TABLE access_link (
    id bigserial NOT NULL,
    token_hash text NOT NULL,
    kind text NOT NULL,
    company_id bigint NOT NULL,
    person_id bigint,
    email text NOT NULL,
    name text NOT NULL,
    roles text NOT NULL,
    team_ids text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    made_by_id bigint,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    ended_at timestamp with time zone,
    source_ids text DEFAULT '[]'::text NOT NULL,
    CONSTRAINT ck_access_link_kind CHECK ((kind = ANY (ARRAY['join'::text, 'reset'::text]))),
    CONSTRAINT ck_access_link_person CHECK (((kind = 'join'::text) OR (person_id IS NOT NULL))),
    CONSTRAINT pk_access_link PRIMARY KEY (id),
    CONSTRAINT uq_access_link_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_access_link_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_access_link_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_access_link_made_by_id FOREIGN KEY (made_by_id) REFERENCES person(id)
);

CREATE INDEX ix_access_link_company ON access_link USING btree (company_id, id);

CREATE TABLE access_request (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    act text NOT NULL,
    reason text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    ended_by_id bigint,
    granted boolean,
    answer text NOT NULL,
    CONSTRAINT pk_access_request PRIMARY KEY (id),
    CONSTRAINT fk_access_request_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_access_request_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_access_request_ended_by_id FOREIGN KEY (ended_by_id) REFERENCES person(id)
);

CREATE UNIQUE INDEX uq_access_request_open ON access_request USING btree (company_id, person_id, act) WHERE (ended_at IS NULL);

CREATE INDEX ix_access_request_person ON access_request USING btree (company_id, person_id, id);

CREATE TABLE api_token (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    token_hash text NOT NULL,
    name text NOT NULL,
    scopes text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT pk_api_token PRIMARY KEY (id),
    CONSTRAINT uq_api_token_token_hash UNIQUE (token_hash),
    CONSTRAINT fk_api_token_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_api_token_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_api_token_company ON api_token USING btree (company_id, id);

CREATE TABLE backtest (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    person_id bigint,
    at timestamp with time zone NOT NULL,
    hash text NOT NULL,
    old_hash text NOT NULL,
    records bigint NOT NULL,
    differ bigint NOT NULL,
    bad bigint NOT NULL,
    rules text NOT NULL,
    CONSTRAINT pk_backtest PRIMARY KEY (id),
    CONSTRAINT fk_backtest_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_backtest_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_backtest_company ON backtest USING btree (company_id, hash, id);

CREATE TRIGGER backtest_no_change BEFORE UPDATE ON backtest FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER backtest_no_delete BEFORE DELETE ON backtest FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE change (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    no bigint NOT NULL,
    title text NOT NULL,
    state text NOT NULL,
    base_id bigint,
    hash text NOT NULL,
    author_id bigint,
    checked_hash text,
    made_at timestamp with time zone NOT NULL,
    lock bigint NOT NULL,
    starts_at timestamp with time zone,
    starts_by_id bigint,
    starts_reason text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_change_state CHECK ((state = ANY (ARRAY['draft'::text, 'review'::text, 'published'::text, 'closed'::text]))),
    CONSTRAINT pk_change PRIMARY KEY (id),
    CONSTRAINT uq_change_company_id_no UNIQUE (company_id, no),
    CONSTRAINT fk_change_author_id FOREIGN KEY (author_id) REFERENCES person(id),
    CONSTRAINT fk_change_company_id FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE TABLE change_comment (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    change_id bigint NOT NULL,
    person_id bigint NOT NULL,
    body text NOT NULL,
    returns boolean NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_change_comment PRIMARY KEY (id),
    CONSTRAINT fk_change_comment_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_change_comment_change_id FOREIGN KEY (change_id) REFERENCES change(id),
    CONSTRAINT fk_change_comment_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_change_comment_change ON change_comment USING btree (change_id, id);

CREATE TRIGGER change_comment_no_change BEFORE UPDATE OF id, company_id, change_id, person_id, body, returns, at ON change_comment FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER change_comment_no_delete BEFORE DELETE ON change_comment FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE change_file (
    change_id bigint NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    body text,
    person_id bigint,
    CONSTRAINT pk_change_file PRIMARY KEY (change_id, path),
    CONSTRAINT fk_change_file_change_id FOREIGN KEY (change_id) REFERENCES change(id),
    CONSTRAINT fk_change_file_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TABLE connection (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    name text NOT NULL,
    side text NOT NULL,
    connector text NOT NULL,
    settings text NOT NULL,
    paused_at timestamp with time zone,
    paused_by_id bigint,
    pause_reason text,
    pause_until timestamp with time zone,
    key_id bigint,
    lock bigint NOT NULL,
    untested_since timestamp with time zone,
    tested_at timestamp with time zone,
    test_steps text DEFAULT '[]'::text NOT NULL,
    CONSTRAINT ck_connection_side CHECK ((side = ANY (ARRAY['source'::text, 'target'::text]))),
    CONSTRAINT pk_connection PRIMARY KEY (id),
    CONSTRAINT uq_connection_company_id_name UNIQUE (company_id, name),
    CONSTRAINT fk_connection_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_connection_paused_by_id FOREIGN KEY (paused_by_id) REFERENCES person(id)
);

CREATE TABLE authorization_request (
    id bigserial NOT NULL,
    state_hash text NOT NULL,
    session_hash text NOT NULL,
    company_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    person_id bigint NOT NULL,
    back text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT pk_authorization_request PRIMARY KEY (id),
    CONSTRAINT uq_authorization_request_state_hash UNIQUE (state_hash),
    CONSTRAINT fk_authorization_request_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_authorization_request_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_authorization_request_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_authorization_request_connection ON authorization_request USING btree (connection_id, id);

CREATE TABLE connection_key (
    id bigserial NOT NULL,
    connection_id bigint NOT NULL,
    no bigint NOT NULL,
    secret text NOT NULL,
    tail text NOT NULL,
    state text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    made_by_id bigint,
    keep_until timestamp with time zone,
    CONSTRAINT ck_connection_key_state CHECK ((state = ANY (ARRAY['new'::text, 'active'::text, 'old'::text, 'disabled'::text]))),
    CONSTRAINT pk_connection_key PRIMARY KEY (id),
    CONSTRAINT uq_connection_key_connection_id_no UNIQUE (connection_id, no),
    CONSTRAINT fk_connection_key_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_connection_key_made_by_id FOREIGN KEY (made_by_id) REFERENCES person(id)
);

CREATE UNIQUE INDEX uq_connection_key_active ON connection_key USING btree (connection_id) WHERE (state = 'active'::text);

CREATE TABLE deputy (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    deputy_id bigint NOT NULL,
    from_at timestamp with time zone NOT NULL,
    until_at timestamp with time zone NOT NULL,
    reason text NOT NULL,
    named_at timestamp with time zone NOT NULL,
    named_by_id bigint,
    ended_at timestamp with time zone,
    ended_by_id bigint,
    CONSTRAINT ck_deputy_other CHECK ((deputy_id <> person_id)),
    CONSTRAINT ck_deputy_time CHECK ((until_at > from_at)),
    CONSTRAINT pk_deputy PRIMARY KEY (id),
    CONSTRAINT fk_deputy_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_deputy_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_deputy_deputy_id FOREIGN KEY (deputy_id) REFERENCES person(id),
    CONSTRAINT fk_deputy_named_by_id FOREIGN KEY (named_by_id) REFERENCES person(id),
    CONSTRAINT fk_deputy_ended_by_id FOREIGN KEY (ended_by_id) REFERENCES person(id)
);

CREATE INDEX ix_deputy_deputy ON deputy USING btree (company_id, deputy_id, until_at);

CREATE TRIGGER deputy_no_change BEFORE UPDATE OF id, company_id, person_id, deputy_id, from_at, until_at, reason, named_at, named_by_id ON deputy FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER deputy_no_delete BEFORE DELETE ON deputy FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER deputy_once BEFORE UPDATE OF ended_at, ended_by_id ON deputy FOR EACH ROW WHEN ((old.ended_at IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE former_member (
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    left_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_former_member PRIMARY KEY (company_id, person_id),
    CONSTRAINT fk_former_member_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_former_member_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TABLE former_name (
    person_id bigint NOT NULL,
    name text NOT NULL,
    until_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_former_name PRIMARY KEY (person_id, name),
    CONSTRAINT fk_former_name_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TRIGGER former_name_no_change BEFORE UPDATE ON former_name FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER former_name_no_delete BEFORE DELETE ON former_name FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE hook_call (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    source_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    outcome text NOT NULL,
    status bigint NOT NULL,
    code text NOT NULL,
    words text NOT NULL,
    hint text NOT NULL,
    times bigint DEFAULT '1'::bigint NOT NULL,
    CONSTRAINT ck_hook_call_outcome CHECK ((outcome = ANY (ARRAY['rejected'::text, 'test'::text]))),
    CONSTRAINT pk_hook_call PRIMARY KEY (id),
    CONSTRAINT fk_hook_call_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_hook_call_source_id FOREIGN KEY (source_id) REFERENCES connection(id)
);

CREATE INDEX ix_hook_call_source ON hook_call USING btree (source_id, id);

CREATE TABLE item_reading (
    connection_id bigint NOT NULL,
    code text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_item_reading PRIMARY KEY (connection_id, code),
    CONSTRAINT fk_item_reading_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id)
);

CREATE TABLE kept_apart (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    first text NOT NULL,
    second text NOT NULL,
    person_id bigint,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_kept_apart PRIMARY KEY (id),
    CONSTRAINT uq_kept_apart_company_id_first_second UNIQUE (company_id, first, second),
    CONSTRAINT fk_kept_apart_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_kept_apart_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TABLE list_file (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    as_of date NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    person_id bigint,
    at timestamp with time zone NOT NULL,
    entries bigint NOT NULL,
    added bigint NOT NULL,
    changed bigint NOT NULL,
    gone bigint NOT NULL,
    CONSTRAINT ck_list_file_kind CHECK ((kind = ANY (ARRAY['customer'::text, 'vendor'::text, 'item'::text, 'invoice'::text, 'bill'::text]))),
    CONSTRAINT pk_list_file PRIMARY KEY (id),
    CONSTRAINT fk_list_file_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_list_file_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_list_file_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_list_file_of ON list_file USING btree (connection_id, kind, id);

CREATE TABLE list_part (
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    no bigint NOT NULL,
    rows text NOT NULL,
    CONSTRAINT pk_list_part PRIMARY KEY (connection_id, kind, no),
    CONSTRAINT fk_list_part_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id)
);

CREATE TABLE list_reading (
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    due_at timestamp with time zone,
    cursor text,
    pages bigint DEFAULT '0'::bigint NOT NULL,
    lease_owner text,
    lease_until timestamp with time zone,
    tries bigint DEFAULT '0'::bigint NOT NULL,
    wrong text,
    wrong_since timestamp with time zone,
    read_at timestamp with time zone,
    done_at timestamp with time zone,
    done_found bigint DEFAULT '0'::bigint NOT NULL,
    missed text,
    CONSTRAINT ck_list_reading_kind CHECK ((kind = ANY (ARRAY['customer'::text, 'vendor'::text, 'item'::text, 'invoice'::text, 'bill'::text]))),
    CONSTRAINT pk_list_reading PRIMARY KEY (connection_id, kind),
    CONSTRAINT fk_list_reading_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id)
);

CREATE INDEX ix_list_reading_due ON list_reading USING btree (due_at);

CREATE TABLE listed_code (
    id bigserial NOT NULL,
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    name text NOT NULL,
    tin text NOT NULL,
    registration text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    code_key text NOT NULL,
    name_key text NOT NULL,
    tin_key text NOT NULL,
    registration_key text NOT NULL,
    from_file_id bigint NOT NULL,
    to_file_id bigint,
    sku character varying DEFAULT ''::character varying NOT NULL,
    sku_key character varying DEFAULT ''::character varying NOT NULL,
    party text DEFAULT ''::text NOT NULL,
    currency text DEFAULT ''::text NOT NULL,
    left_minor bigint,
    CONSTRAINT pk_listed_code PRIMARY KEY (id),
    CONSTRAINT fk_listed_code_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_listed_code_from_file_id FOREIGN KEY (from_file_id) REFERENCES list_file(id),
    CONSTRAINT fk_listed_code_to_file_id FOREIGN KEY (to_file_id) REFERENCES list_file(id)
);

CREATE UNIQUE INDEX uq_listed_code_now ON listed_code USING btree (connection_id, kind, code) WHERE (to_file_id IS NULL);

CREATE INDEX ix_listed_code_code_key ON listed_code USING btree (connection_id, kind, code_key text_pattern_ops) WHERE (to_file_id IS NULL);

CREATE INDEX ix_listed_code_name_key ON listed_code USING btree (connection_id, kind, name_key text_pattern_ops) WHERE (to_file_id IS NULL);

CREATE INDEX ix_listed_code_tin_key ON listed_code USING btree (connection_id, kind, tin_key) WHERE ((to_file_id IS NULL) AND (tin_key <> ''::text));

CREATE INDEX ix_listed_code_registration_key ON listed_code USING btree (connection_id, kind, registration_key) WHERE ((to_file_id IS NULL) AND (registration_key <> ''::text));

CREATE INDEX ix_listed_code_from ON listed_code USING btree (from_file_id);

CREATE INDEX ix_listed_code_to ON listed_code USING btree (to_file_id);

CREATE INDEX ix_listed_code_sku_key ON listed_code USING btree (connection_id, kind, sku_key) WHERE ((to_file_id IS NULL) AND ((sku_key)::text <> ''::text));

CREATE INDEX ix_listed_code_party ON listed_code USING btree (connection_id, kind, party) WHERE ((to_file_id IS NULL) AND (party <> ''::text));

CREATE TABLE membership (
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    role text NOT NULL,
    granted_by_id bigint,
    granted_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_membership PRIMARY KEY (company_id, person_id, role),
    CONSTRAINT fk_membership_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_membership_granted_by_id FOREIGN KEY (granted_by_id) REFERENCES person(id),
    CONSTRAINT fk_membership_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_membership_person_id ON membership USING btree (person_id);

CREATE TABLE operation (
    id text NOT NULL,
    person_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    answer text,
    company_id bigint,
    say text,
    undo_until timestamp with time zone,
    undone_at timestamp with time zone,
    stood text,
    asked text,
    CONSTRAINT pk_operation PRIMARY KEY (id),
    CONSTRAINT fk_operation_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_operation_company_id FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE INDEX ix_operation_undo ON operation USING btree (person_id, undo_until) WHERE (undo_until IS NOT NULL);

CREATE TABLE posting_use (
    entry_id bigint NOT NULL,
    posting_id bigint NOT NULL,
    CONSTRAINT pk_posting_use PRIMARY KEY (entry_id, posting_id)
);

CREATE INDEX ix_posting_use_posting_id ON posting_use USING btree (posting_id);

CREATE TABLE program_version (
    id bigserial NOT NULL,
    version character varying NOT NULL,
    schema character varying NOT NULL,
    CONSTRAINT pk_program_version PRIMARY KEY (id)
);

CREATE TABLE pull (
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    start_at timestamp with time zone NOT NULL,
    cursor text,
    due_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    tries bigint DEFAULT '0'::bigint NOT NULL,
    wrong text,
    wrong_since timestamp with time zone,
    found bigint DEFAULT '0'::bigint NOT NULL,
    read_at timestamp with time zone,
    done_at timestamp with time zone,
    done_found bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT ck_pull_kind CHECK ((kind = ANY (ARRAY['pull'::text, 'sweep'::text]))),
    CONSTRAINT pk_pull PRIMARY KEY (connection_id, kind),
    CONSTRAINT fk_pull_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id)
);

CREATE INDEX ix_pull_due ON pull USING btree (due_at);

CREATE TABLE record (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    source_id bigint NOT NULL,
    type text NOT NULL,
    external_id text NOT NULL,
    number text NOT NULL,
    family bigint NOT NULL,
    version_id bigint,
    status text NOT NULL,
    state text NOT NULL,
    party text NOT NULL,
    party_key text NOT NULL,
    branch text NOT NULL,
    doc_date date,
    amount bigint,
    currency text NOT NULL,
    book bigint,
    priority bigint NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    lock bigint NOT NULL,
    due_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    fence bigint DEFAULT '0'::bigint NOT NULL,
    crashes bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT ck_record_state CHECK ((state = ANY (ARRAY['received'::text, 'uncertain'::text, 'failed'::text, 'held'::text, 'sending'::text, 'awaiting'::text, 'ready'::text, 'waiting'::text, 'posted'::text, 'reversed'::text, 'dropped'::text, 'ignored'::text, 'reference'::text]))),
    CONSTRAINT pk_record PRIMARY KEY (id),
    CONSTRAINT uq_record_source_id_type_external_id UNIQUE (source_id, type, external_id),
    CONSTRAINT fk_record_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_record_source_id FOREIGN KEY (source_id) REFERENCES connection(id)
);

CREATE INDEX ix_record_due ON record USING btree (company_id, due_at, id) WHERE ((due_at IS NOT NULL) AND (lease_until IS NULL));

CREATE INDEX ix_record_family ON record USING btree (company_id, family);

CREATE INDEX ix_record_lease ON record USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX ix_record_open ON record USING btree (company_id, state, id) WHERE (state <> ALL (ARRAY['posted'::text, 'reversed'::text, 'dropped'::text, 'ignored'::text]));

CREATE INDEX ix_record_party ON record USING btree (company_id, party_key, seen_at);

CREATE INDEX ix_record_crashed ON record USING btree (company_id, due_at, id) WHERE ((due_at IS NOT NULL) AND (lease_until IS NULL) AND (crashes > 0));

CREATE INDEX ix_record_number ON record USING btree (company_id, number text_pattern_ops);

CREATE INDEX ix_record_external ON record USING btree (company_id, external_id);

CREATE INDEX ix_record_day ON record USING btree (company_id, doc_date, state);

CREATE INDEX ix_record_seen ON record USING btree (company_id, seen_at, id, state);

CREATE TRIGGER record_tally_update AFTER UPDATE OF amount, currency ON record FOR EACH ROW WHEN (((old.amount IS DISTINCT FROM new.amount) OR (old.currency IS DISTINCT FROM new.currency))) EXECUTE FUNCTION record_tally_update();

CREATE TABLE dating (
    id bigserial NOT NULL,
    record_id bigint NOT NULL,
    route text NOT NULL,
    instead_of date NOT NULL,
    day date NOT NULL,
    person_id bigint NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    operation_id text,
    voided_at timestamp with time zone,
    CONSTRAINT pk_dating PRIMARY KEY (id),
    CONSTRAINT fk_dating_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_dating_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE UNIQUE INDEX uq_dating_standing ON dating USING btree (record_id, route) WHERE (voided_at IS NULL);

CREATE TRIGGER dating_no_change BEFORE UPDATE OF id, record_id, route, instead_of, day, person_id, reason, at, operation_id ON dating FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER dating_no_delete BEFORE DELETE ON dating FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER dating_once BEFORE UPDATE OF voided_at ON dating FOR EACH ROW WHEN ((old.voided_at IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE escalation (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    record_id bigint NOT NULL,
    person_id bigint NOT NULL,
    made_at timestamp with time zone NOT NULL,
    packet text NOT NULL,
    sha256 text NOT NULL,
    personal boolean DEFAULT false NOT NULL,
    sent_to text,
    ticket text,
    sent_at timestamp with time zone,
    sent_by_id bigint,
    CONSTRAINT ck_escalation_sent CHECK (((sent_at IS NULL) = (sent_to IS NULL))),
    CONSTRAINT pk_escalation PRIMARY KEY (id),
    CONSTRAINT fk_escalation_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_escalation_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_escalation_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_escalation_sent_by_id FOREIGN KEY (sent_by_id) REFERENCES person(id)
);

CREATE INDEX ix_escalation_record ON escalation USING btree (record_id, id);

CREATE TABLE link_key (
    company_id bigint NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    record_id bigint NOT NULL,
    CONSTRAINT pk_link_key PRIMARY KEY (company_id, name, value, record_id),
    CONSTRAINT fk_link_key_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_link_key_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_link_key_record_id ON link_key USING btree (record_id);

CREATE TABLE recovery_code (
    id bigserial NOT NULL,
    person_id bigint NOT NULL,
    code_hash text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT pk_recovery_code PRIMARY KEY (id),
    CONSTRAINT fk_recovery_code_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_recovery_code_person_id ON recovery_code USING btree (person_id);

CREATE TABLE revision (
    company_id bigint NOT NULL,
    no bigint NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    person_id bigint,
    reason text,
    what text NOT NULL,
    CONSTRAINT ck_revision_kind CHECK ((kind = ANY (ARRAY['rules'::text, 'mapping'::text, 'unit'::text, 'snapshot'::text, 'connection'::text, 'setting'::text]))),
    CONSTRAINT pk_revision PRIMARY KEY (company_id, no),
    CONSTRAINT fk_revision_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_revision_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TRIGGER revision_no_change BEFORE UPDATE OF company_id, no, kind, at, person_id, reason, what ON revision FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER revision_no_delete BEFORE DELETE ON revision FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE route_stop (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    route text NOT NULL,
    revision bigint NOT NULL,
    state text NOT NULL,
    records bigint NOT NULL,
    book bigint NOT NULL,
    most_records bigint,
    most_book bigint,
    stopped_at timestamp with time zone,
    kept_at timestamp with time zone,
    resumed_at timestamp with time zone,
    kept_by_id bigint,
    resumed_by_id bigint,
    kept_why text,
    resumed_why text,
    superseded_by bigint,
    CONSTRAINT ck_route_stop_ck_route_stop_state CHECK ((state = ANY (ARRAY['counting'::text, 'stopped'::text, 'resumed'::text]))),
    CONSTRAINT pk_route_stop PRIMARY KEY (id),
    CONSTRAINT uq_route_stop_company_id_route_revision UNIQUE (company_id, route, revision),
    CONSTRAINT fk_route_stop_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_route_stop_kept_by_id FOREIGN KEY (kept_by_id) REFERENCES person(id),
    CONSTRAINT fk_route_stop_resumed_by_id FOREIGN KEY (resumed_by_id) REFERENCES person(id)
);

CREATE INDEX ix_route_stop_open ON route_stop USING btree (company_id, route) WHERE (state = 'stopped'::text);

CREATE TABLE rule_draft (
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    path text NOT NULL,
    base_id bigint,
    body text NOT NULL,
    saved_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_rule_draft PRIMARY KEY (company_id, person_id, path),
    CONSTRAINT fk_rule_draft_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_rule_draft_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TABLE ruleset_version (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    no bigint NOT NULL,
    hash text NOT NULL,
    revision bigint NOT NULL,
    change_id bigint,
    author_id bigint,
    published_by_id bigint,
    published_at timestamp with time zone NOT NULL,
    engine text NOT NULL,
    backtest_id bigint,
    backtest_sha256 text,
    edition integer DEFAULT 1 NOT NULL,
    CONSTRAINT ck_ruleset_version_duties CHECK ((author_id <> published_by_id)),
    CONSTRAINT pk_ruleset_version PRIMARY KEY (id),
    CONSTRAINT uq_ruleset_version_company_id_no UNIQUE (company_id, no),
    CONSTRAINT fk_ruleset_version_author_id FOREIGN KEY (author_id) REFERENCES person(id),
    CONSTRAINT fk_ruleset_version_change_id FOREIGN KEY (change_id) REFERENCES change(id),
    CONSTRAINT fk_ruleset_version_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_ruleset_version_published_by_id FOREIGN KEY (published_by_id) REFERENCES person(id)
);

CREATE TRIGGER ruleset_version_no_change BEFORE UPDATE OF id, company_id, no, hash, revision, change_id, author_id, published_by_id, published_at, engine, backtest_id, backtest_sha256, edition ON ruleset_version FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER ruleset_version_no_delete BEFORE DELETE ON ruleset_version FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE backtest_run (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    change_id bigint NOT NULL,
    old_id bigint NOT NULL,
    person_id bigint,
    first date,
    last date,
    started_at timestamp with time zone NOT NULL,
    until_id bigint NOT NULL,
    seen_id bigint NOT NULL,
    total bigint NOT NULL,
    looked bigint NOT NULL,
    gone bigint NOT NULL,
    counted text NOT NULL,
    ended_at timestamp with time zone,
    ending text,
    backtest_id bigint,
    CONSTRAINT ck_backtest_run_ending CHECK ((ending = ANY (ARRAY['done'::text, 'person'::text, 'closed'::text]))),
    CONSTRAINT pk_backtest_run PRIMARY KEY (id),
    CONSTRAINT fk_backtest_run_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_backtest_run_change_id FOREIGN KEY (change_id) REFERENCES change(id),
    CONSTRAINT fk_backtest_run_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_backtest_run_backtest_id FOREIGN KEY (backtest_id) REFERENCES backtest(id),
    CONSTRAINT fk_backtest_run_old_id FOREIGN KEY (old_id) REFERENCES ruleset_version(id)
);

CREATE UNIQUE INDEX uq_backtest_run_running ON backtest_run USING btree (company_id) WHERE (ended_at IS NULL);

CREATE INDEX ix_backtest_run_change ON backtest_run USING btree (change_id, id);

CREATE TABLE backtest_result (
    run_id bigint NOT NULL,
    kind text NOT NULL,
    route text NOT NULL,
    was text NOT NULL,
    would text NOT NULL,
    record_id bigint NOT NULL,
    evaluation_id bigint NOT NULL,
    state text NOT NULL,
    amount bigint NOT NULL,
    currency text NOT NULL,
    stops boolean NOT NULL,
    CONSTRAINT pk_backtest_result PRIMARY KEY (run_id, kind, route, was, would, record_id),
    CONSTRAINT fk_backtest_result_run_id FOREIGN KEY (run_id) REFERENCES backtest_run(id),
    CONSTRAINT fk_backtest_result_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_backtest_result_stops ON backtest_result USING btree (run_id, amount, record_id) WHERE stops;

CREATE TABLE rule_file (
    ruleset_version_id bigint NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    body text NOT NULL,
    CONSTRAINT pk_rule_file PRIMARY KEY (ruleset_version_id, path),
    CONSTRAINT fk_rule_file_ruleset_version_id FOREIGN KEY (ruleset_version_id) REFERENCES ruleset_version(id)
);

CREATE TRIGGER rule_file_no_change BEFORE UPDATE OF ruleset_version_id, path, sha256, body ON rule_file FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER rule_file_no_delete BEFORE DELETE ON rule_file FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE run (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    kind text NOT NULL,
    connection_id bigint,
    route text,
    doc_type text,
    day date,
    filter text,
    state text NOT NULL,
    done bigint NOT NULL,
    total bigint NOT NULL,
    counts text NOT NULL,
    result text,
    person_id bigint,
    made_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    error text,
    due_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    fence bigint DEFAULT '0'::bigint NOT NULL,
    crashes bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT pk_run PRIMARY KEY (id),
    CONSTRAINT fk_run_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_run_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_run_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_run_company ON run USING btree (company_id, id);

CREATE INDEX ix_run_due ON run USING btree (company_id, due_at, id) WHERE ((due_at IS NOT NULL) AND (lease_until IS NULL));

CREATE INDEX ix_run_pill ON run USING btree (connection_id, doc_type, id);

CREATE UNIQUE INDEX uq_run_daily ON run USING btree (company_id, route, day) WHERE (kind = 'daily'::text);

CREATE INDEX ix_run_at ON run USING btree (company_id, made_at, id);

CREATE INDEX ix_run_connection_at ON run USING btree (company_id, connection_id, made_at, id);

CREATE TABLE request (
    id bigserial NOT NULL,
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    run_id bigint,
    key text NOT NULL,
    key_id bigint,
    body bytea,
    sha256 text NOT NULL,
    headers text NOT NULL,
    rows text,
    state text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    deadline_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    status bigint,
    answer bytea,
    answer_sha256 text,
    parent_id bigint,
    body_removed_at timestamp with time zone,
    CONSTRAINT ck_request_kind CHECK ((kind = ANY (ARRAY['push'::text, 'lookup'::text, 'poll'::text, 'read'::text]))),
    CONSTRAINT pk_request PRIMARY KEY (id),
    CONSTRAINT fk_request_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_request_parent_id FOREIGN KEY (parent_id) REFERENCES request(id),
    CONSTRAINT fk_request_run_id FOREIGN KEY (run_id) REFERENCES run(id)
);

CREATE INDEX ix_request_connection ON request USING btree (connection_id, id);

CREATE INDEX ix_request_key ON request USING btree (connection_id, key);

CREATE INDEX ix_request_run ON request USING btree (run_id);

CREATE INDEX ix_request_parent ON request USING btree (parent_id) WHERE (parent_id IS NOT NULL);

CREATE TRIGGER request_no_change BEFORE UPDATE OF id, connection_id, kind, run_id, key, key_id, sha256, headers, rows, made_at, parent_id ON request FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER request_no_delete BEFORE DELETE ON request FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER request_once BEFORE UPDATE OF body, body_removed_at ON request FOR EACH ROW WHEN (((new.body IS NOT NULL) OR (new.body_removed_at IS NULL) OR (old.body_removed_at IS NOT NULL))) EXECUTE FUNCTION refuse_change();

CREATE TABLE import_file (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    connection_id bigint NOT NULL,
    run_id bigint,
    request_id bigint NOT NULL,
    doc_type text NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    documents bigint NOT NULL,
    rows bigint NOT NULL,
    totals text NOT NULL,
    state text NOT NULL,
    verdicts text NOT NULL,
    note text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    handed_over_at timestamp with time zone,
    handed_over_by_id bigint,
    imported_at timestamp with time zone,
    imported_by_id bigint,
    ended_at timestamp with time zone,
    ended_by_id bigint,
    CONSTRAINT ck_import_file_state CHECK ((state = ANY (ARRAY['exported'::text, 'handed_over'::text, 'imported'::text, 'mismatch'::text, 'reconciled'::text, 'withdrawn'::text]))),
    CONSTRAINT pk_import_file PRIMARY KEY (id),
    CONSTRAINT uq_import_file_request_id UNIQUE (request_id),
    CONSTRAINT fk_import_file_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_import_file_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_import_file_run_id FOREIGN KEY (run_id) REFERENCES run(id),
    CONSTRAINT fk_import_file_request_id FOREIGN KEY (request_id) REFERENCES request(id),
    CONSTRAINT fk_import_file_handed_over_by_id FOREIGN KEY (handed_over_by_id) REFERENCES person(id),
    CONSTRAINT fk_import_file_imported_by_id FOREIGN KEY (imported_by_id) REFERENCES person(id),
    CONSTRAINT fk_import_file_ended_by_id FOREIGN KEY (ended_by_id) REFERENCES person(id)
);

CREATE INDEX ix_import_file_run ON import_file USING btree (run_id);

CREATE INDEX ix_import_file_company ON import_file USING btree (company_id, id);

CREATE TABLE saved_view (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    name text NOT NULL,
    query text NOT NULL,
    shared boolean NOT NULL,
    made_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_saved_view PRIMARY KEY (id),
    CONSTRAINT uq_saved_view_company_id_person_id_name UNIQUE (company_id, person_id, name),
    CONSTRAINT fk_saved_view_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_saved_view_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TABLE schedule (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    route text NOT NULL,
    at text NOT NULL,
    zone text NOT NULL,
    active boolean NOT NULL,
    next_at timestamp with time zone,
    last_day date,
    CONSTRAINT pk_schedule PRIMARY KEY (id),
    CONSTRAINT uq_schedule_company_id_route UNIQUE (company_id, route),
    CONSTRAINT fk_schedule_company_id FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE INDEX ix_schedule_next ON schedule USING btree (next_at) WHERE active;

CREATE TABLE second_factor (
    person_id bigint NOT NULL,
    secret text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    made_in text NOT NULL,
    confirmed_at timestamp with time zone,
    last_step bigint DEFAULT '0'::bigint NOT NULL,
    CONSTRAINT pk_second_factor PRIMARY KEY (person_id),
    CONSTRAINT fk_second_factor_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE TABLE session (
    token_hash text NOT NULL,
    person_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    step_up_at timestamp with time zone,
    device text DEFAULT ''::text NOT NULL,
    address text DEFAULT ''::text NOT NULL,
    factor_at timestamp with time zone,
    CONSTRAINT pk_session PRIMARY KEY (token_hash),
    CONSTRAINT fk_session_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_session_person_id ON session USING btree (person_id);

CREATE TABLE setup_address (
    token_hash text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT pk_setup_address PRIMARY KEY (token_hash)
);

CREATE TABLE shadow (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    change_id bigint NOT NULL,
    person_id bigint,
    started_at timestamp with time zone NOT NULL,
    until timestamp with time zone NOT NULL,
    since_id bigint NOT NULL,
    seen_id bigint NOT NULL,
    judged bigint NOT NULL,
    differ bigint NOT NULL,
    unread bigint NOT NULL,
    ended_at timestamp with time zone,
    ending text,
    CONSTRAINT ck_shadow_ending CHECK ((ending = ANY (ARRAY['person'::text, 'time'::text, 'limit'::text, 'closed'::text]))),
    CONSTRAINT pk_shadow PRIMARY KEY (id),
    CONSTRAINT fk_shadow_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_shadow_change_id FOREIGN KEY (change_id) REFERENCES change(id),
    CONSTRAINT fk_shadow_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE UNIQUE INDEX uq_shadow_running ON shadow USING btree (company_id) WHERE (ended_at IS NULL);

CREATE INDEX ix_shadow_change ON shadow USING btree (change_id, id);

CREATE TABLE shadow_verdict (
    shadow_id bigint NOT NULL,
    evaluation_id bigint NOT NULL,
    record_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    differs boolean NOT NULL,
    was text NOT NULL,
    would text NOT NULL,
    hash text NOT NULL,
    CONSTRAINT pk_shadow_verdict PRIMARY KEY (shadow_id, evaluation_id),
    CONSTRAINT fk_shadow_verdict_shadow_id FOREIGN KEY (shadow_id) REFERENCES shadow(id),
    CONSTRAINT fk_shadow_verdict_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_shadow_verdict_differs ON shadow_verdict USING btree (shadow_id, evaluation_id) WHERE differs;

CREATE TABLE sign_in_step (
    token_hash text NOT NULL,
    person_id bigint NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_sign_in_step PRIMARY KEY (token_hash),
    CONSTRAINT fk_sign_in_step_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_sign_in_step_person_id ON sign_in_step USING btree (person_id);

CREATE TABLE singleton (
    name text NOT NULL,
    owner text,
    until timestamp with time zone,
    fence bigint NOT NULL,
    CONSTRAINT pk_singleton PRIMARY KEY (name)
);

CREATE TABLE snapshot (
    id bigserial NOT NULL,
    connection_id bigint NOT NULL,
    kind text NOT NULL,
    checked_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    revision bigint NOT NULL,
    sha256 text NOT NULL,
    due_at timestamp with time zone,
    CONSTRAINT pk_snapshot PRIMARY KEY (id),
    CONSTRAINT uq_snapshot_connection_id_kind UNIQUE (connection_id, kind),
    CONSTRAINT fk_snapshot_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id)
);

CREATE TABLE snapshot_item (
    id bigserial NOT NULL,
    snapshot_id bigint NOT NULL,
    code text NOT NULL,
    body text NOT NULL,
    from_revision bigint NOT NULL,
    to_revision bigint,
    CONSTRAINT pk_snapshot_item PRIMARY KEY (id),
    CONSTRAINT uq_snapshot_item_snapshot_id_code_from_revision UNIQUE (snapshot_id, code, from_revision),
    CONSTRAINT fk_snapshot_item_snapshot_id FOREIGN KEY (snapshot_id) REFERENCES snapshot(id)
);

CREATE UNIQUE INDEX uq_snapshot_item_now ON snapshot_item USING btree (snapshot_id, code) WHERE (to_revision IS NULL);

CREATE TRIGGER snapshot_item_no_change BEFORE UPDATE OF id, snapshot_id, code, body, from_revision ON snapshot_item FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER snapshot_item_no_delete BEFORE DELETE ON snapshot_item FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER snapshot_item_once BEFORE UPDATE OF to_revision ON snapshot_item FOR EACH ROW WHEN ((old.to_revision IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE source_limit (
    company_id bigint NOT NULL,
    person_id bigint NOT NULL,
    source_id bigint NOT NULL,
    set_by_id bigint,
    set_at timestamp with time zone NOT NULL,
    CONSTRAINT pk_source_limit PRIMARY KEY (company_id, person_id, source_id),
    CONSTRAINT fk_source_limit_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_source_limit_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_source_limit_source_id FOREIGN KEY (source_id) REFERENCES connection(id),
    CONSTRAINT fk_source_limit_set_by_id FOREIGN KEY (set_by_id) REFERENCES person(id)
);

CREATE INDEX ix_source_limit_person_id ON source_limit USING btree (person_id);

CREATE TABLE story_form (
    ruleset_version_id bigint NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT pk_story_form PRIMARY KEY (ruleset_version_id),
    CONSTRAINT fk_story_form_ruleset_version_id FOREIGN KEY (ruleset_version_id) REFERENCES ruleset_version(id)
);

CREATE TRIGGER story_form_no_change BEFORE UPDATE ON story_form FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER story_form_no_delete BEFORE DELETE ON story_form FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE tallied_record (
    record_id bigint NOT NULL,
    cause_id bigint NOT NULL,
    company_id bigint NOT NULL,
    tally_id bigint NOT NULL,
    minor bigint,
    CONSTRAINT pk_tallied_record PRIMARY KEY (record_id, cause_id),
    CONSTRAINT fk_tallied_record_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_tallied_record_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_tallied_record_tally_id FOREIGN KEY (tally_id) REFERENCES hold_tally(id)
);

CREATE TABLE tally_mark (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    record_id bigint NOT NULL,
    CONSTRAINT pk_tally_mark PRIMARY KEY (id)
);

CREATE INDEX ix_tally_mark_company ON tally_mark USING btree (company_id, record_id);

CREATE TABLE team (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    name text NOT NULL,
    title text NOT NULL,
    CONSTRAINT pk_team PRIMARY KEY (id),
    CONSTRAINT uq_team_company_id_name UNIQUE (company_id, name),
    CONSTRAINT fk_team_company_id FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE TABLE cause (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    class text NOT NULL,
    key text NOT NULL,
    label text NOT NULL,
    rule text NOT NULL,
    team_id bigint,
    table_name text,
    value text,
    changed_revision bigint NOT NULL,
    opened_at timestamp with time zone NOT NULL,
    records bigint NOT NULL,
    book bigint NOT NULL,
    CONSTRAINT pk_cause PRIMARY KEY (id),
    CONSTRAINT uq_cause_company_id_key UNIQUE (company_id, key),
    CONSTRAINT fk_cause_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_cause_team_id FOREIGN KEY (team_id) REFERENCES team(id)
);

CREATE INDEX ix_cause_class ON cause USING btree (company_id, class, book, id) WHERE (records > 0);

CREATE INDEX ix_cause_live ON cause USING btree (company_id, book, id) WHERE (records > 0);

CREATE INDEX ix_cause_team ON cause USING btree (company_id, team_id, book, id) WHERE (records > 0);

CREATE TABLE mapping_table (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    team_id bigint,
    CONSTRAINT ck_mapping_table_kind CHECK ((kind = ANY (ARRAY['map'::text, 'unit'::text]))),
    CONSTRAINT pk_mapping_table PRIMARY KEY (id),
    CONSTRAINT uq_mapping_table_company_id_name UNIQUE (company_id, name),
    CONSTRAINT fk_mapping_table_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_mapping_table_team_id FOREIGN KEY (team_id) REFERENCES team(id)
);

CREATE TABLE mapping_entry (
    id bigserial NOT NULL,
    table_id bigint NOT NULL,
    key text NOT NULL,
    value text,
    num bigint,
    den bigint,
    valid_from date NOT NULL,
    valid_to date,
    from_revision bigint NOT NULL,
    to_revision bigint,
    person_id bigint,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_mapping_entry PRIMARY KEY (id),
    CONSTRAINT uq_mapping_entry_table_id_key_valid_from_from_revision UNIQUE (table_id, key, valid_from, from_revision),
    CONSTRAINT fk_mapping_entry_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_mapping_entry_table_id FOREIGN KEY (table_id) REFERENCES mapping_table(id)
);

CREATE INDEX ix_mapping_entry_value ON mapping_entry USING btree (table_id, value);

CREATE UNIQUE INDEX uq_mapping_entry_now ON mapping_entry USING btree (table_id, key, valid_from) WHERE (to_revision IS NULL);

CREATE TRIGGER mapping_entry_no_change BEFORE UPDATE OF id, table_id, key, value, num, den, valid_from, valid_to, from_revision, person_id, reason, at ON mapping_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER mapping_entry_no_delete BEFORE DELETE ON mapping_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER mapping_entry_once BEFORE UPDATE OF to_revision ON mapping_entry FOR EACH ROW WHEN ((old.to_revision IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE recipient (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    kind text NOT NULL,
    person_id bigint,
    team_id bigint,
    address text DEFAULT ''::text NOT NULL,
    secret text,
    digest boolean NOT NULL,
    urgent boolean NOT NULL,
    packets boolean NOT NULL,
    made_at timestamp with time zone NOT NULL,
    made_by_id bigint,
    ended_at timestamp with time zone,
    CONSTRAINT ck_recipient_kind CHECK ((kind = ANY (ARRAY['person'::text, 'mail'::text, 'webhook'::text]))),
    CONSTRAINT ck_recipient_person CHECK (((kind = 'person'::text) = (person_id IS NOT NULL))),
    CONSTRAINT ck_recipient_secret CHECK (((kind = 'webhook'::text) = (secret IS NOT NULL))),
    CONSTRAINT pk_recipient PRIMARY KEY (id),
    CONSTRAINT fk_recipient_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_recipient_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_recipient_team_id FOREIGN KEY (team_id) REFERENCES team(id),
    CONSTRAINT fk_recipient_made_by_id FOREIGN KEY (made_by_id) REFERENCES person(id)
);

CREATE INDEX ix_recipient_company ON recipient USING btree (company_id, id);

CREATE TABLE notice (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    recipient_id bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    state text NOT NULL,
    made_at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    tries bigint DEFAULT '0'::bigint NOT NULL,
    ended_at timestamp with time zone,
    answer text DEFAULT ''::text NOT NULL,
    CONSTRAINT ck_notice_kind CHECK ((kind = ANY (ARRAY['digest'::text, 'urgent'::text, 'packet'::text, 'test'::text, 'returned'::text]))),
    CONSTRAINT ck_notice_state CHECK ((state = ANY (ARRAY['due'::text, 'claimed'::text, 'sending'::text, 'sent'::text, 'unknown'::text, 'failed'::text, 'nothing'::text]))),
    CONSTRAINT pk_notice PRIMARY KEY (id),
    CONSTRAINT uq_notice_recipient_id_kind_key UNIQUE (recipient_id, kind, key),
    CONSTRAINT fk_notice_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_notice_recipient_id FOREIGN KEY (recipient_id) REFERENCES recipient(id)
);

CREATE INDEX ix_notice_company ON notice USING btree (company_id, id);

CREATE INDEX ix_notice_due ON notice USING btree (company_id, due_at, id) WHERE (due_at IS NOT NULL);

CREATE TABLE release (
    id bigserial NOT NULL,
    record_id bigint NOT NULL,
    route text NOT NULL,
    seq bigint NOT NULL,
    code text NOT NULL,
    cause_id bigint NOT NULL,
    content_sha256 text NOT NULL,
    rule text NOT NULL,
    kind text NOT NULL,
    person_id bigint,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    operation_id text,
    voided_at timestamp with time zone,
    voided_by_id bigint,
    for_person_id bigint,
    CONSTRAINT pk_release PRIMARY KEY (id),
    CONSTRAINT fk_release_cause_id FOREIGN KEY (cause_id) REFERENCES cause(id),
    CONSTRAINT fk_release_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_release_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_release_voided_by_id FOREIGN KEY (voided_by_id) REFERENCES person(id),
    CONSTRAINT fk_release_for_person_id FOREIGN KEY (for_person_id) REFERENCES person(id)
);

CREATE INDEX ix_release_operation ON release USING btree (operation_id) WHERE (operation_id IS NOT NULL);

CREATE UNIQUE INDEX uq_release_standing ON release USING btree (record_id, route, seq, code, cause_id, content_sha256) WHERE (voided_at IS NULL);

CREATE INDEX ix_release_at ON release USING btree (at);

CREATE TRIGGER release_duties BEFORE INSERT ON release FOR EACH ROW EXECUTE FUNCTION refuse_hand_release();

CREATE TRIGGER release_keeps_for BEFORE UPDATE OF for_person_id ON release FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER release_no_change BEFORE UPDATE OF id, record_id, route, seq, code, cause_id, content_sha256, rule, kind, person_id, reason, at, operation_id ON release FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER release_no_delete BEFORE DELETE ON release FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER release_once BEFORE UPDATE OF voided_at, voided_by_id ON release FOR EACH ROW WHEN ((old.voided_at IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE signal (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    connection_id bigint,
    cause_id bigint,
    record_id bigint,
    records bigint DEFAULT '0'::bigint NOT NULL,
    money text NOT NULL,
    tried bigint DEFAULT '0'::bigint NOT NULL,
    closes_on date,
    opened_at timestamp with time zone NOT NULL,
    cleared_at timestamp with time zone,
    CONSTRAINT ck_signal_kind CHECK ((kind = ANY (ARRAY['many_failures'::text, 'authorization_lost'::text, 'close_blocked'::text, 'totals_differ'::text]))),
    CONSTRAINT pk_signal PRIMARY KEY (id),
    CONSTRAINT fk_signal_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_signal_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_signal_cause_id FOREIGN KEY (cause_id) REFERENCES cause(id),
    CONSTRAINT fk_signal_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_signal_company ON signal USING btree (company_id, id);

CREATE UNIQUE INDEX uq_signal_open ON signal USING btree (company_id, kind, key) WHERE (cleared_at IS NULL);

CREATE TABLE team_member (
    team_id bigint NOT NULL,
    person_id bigint NOT NULL,
    CONSTRAINT pk_team_member PRIMARY KEY (team_id, person_id),
    CONSTRAINT fk_team_member_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_team_member_team_id FOREIGN KEY (team_id) REFERENCES team(id)
);

CREATE INDEX ix_team_member_person_id ON team_member USING btree (person_id);

CREATE TABLE throttle (
    connection_id bigint NOT NULL,
    tokens bigint NOT NULL,
    filled_at timestamp with time zone,
    breaker text NOT NULL,
    failures bigint NOT NULL,
    open_until timestamp with time zone,
    quota_month text,
    quota_used bigint NOT NULL,
    recent text DEFAULT ''::text NOT NULL,
    opened_at timestamp with time zone,
    quota_limit bigint,
    clock_ahead bigint,
    clock_at timestamp with time zone,
    CONSTRAINT ck_throttle_breaker CHECK ((breaker = ANY (ARRAY['closed'::text, 'open'::text, 'half_open'::text]))),
    CONSTRAINT pk_throttle PRIMARY KEY (connection_id),
    CONSTRAINT fk_throttle_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id)
);

CREATE TABLE trial_index (
    company_id bigint NOT NULL,
    rules text NOT NULL,
    version_id bigint NOT NULL,
    CONSTRAINT pk_trial_index PRIMARY KEY (company_id, rules),
    CONSTRAINT fk_trial_index_company_id_company FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE TABLE trial_key (
    company_id bigint NOT NULL,
    rules text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    record_id bigint NOT NULL,
    CONSTRAINT pk_trial_key PRIMARY KEY (company_id, rules, name, value, record_id),
    CONSTRAINT fk_trial_key_record_id_record FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_trial_key_company_id_company FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE TABLE upload (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    source_id bigint NOT NULL,
    person_id bigint,
    name text NOT NULL,
    sha256 text NOT NULL,
    body bytea,
    state text NOT NULL,
    result text,
    at timestamp with time zone NOT NULL,
    headings text DEFAULT ''::text NOT NULL,
    chosen text DEFAULT '{}'::text NOT NULL,
    outcome text DEFAULT '{}'::text NOT NULL,
    taken bigint DEFAULT '0'::bigint NOT NULL,
    total bigint DEFAULT '0'::bigint NOT NULL,
    fence bigint DEFAULT '0'::bigint NOT NULL,
    crashes bigint DEFAULT '0'::bigint NOT NULL,
    confirmed_at timestamp with time zone,
    ended_at timestamp with time zone,
    expires_at timestamp with time zone,
    due_at timestamp with time zone,
    lease_until timestamp with time zone,
    lease_owner text,
    with_unknown boolean DEFAULT false NOT NULL,
    kind text DEFAULT 'order'::text NOT NULL,
    CONSTRAINT ck_upload_state CHECK ((state = ANY (ARRAY['checking'::text, 'checked'::text, 'importing'::text, 'done'::text, 'failed'::text]))),
    CONSTRAINT pk_upload PRIMARY KEY (id),
    CONSTRAINT fk_upload_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_upload_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_upload_source_id FOREIGN KEY (source_id) REFERENCES connection(id)
);

CREATE INDEX ix_upload_sha256 ON upload USING btree (company_id, sha256);

CREATE INDEX ix_upload_due ON upload USING btree (company_id, due_at, id) WHERE (due_at IS NOT NULL);

CREATE INDEX ix_upload_expires ON upload USING btree (expires_at);

CREATE TABLE delivery (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    source_id bigint NOT NULL,
    key text NOT NULL,
    sha256 text NOT NULL,
    kind text NOT NULL,
    headers text NOT NULL,
    body bytea,
    received_at timestamp with time zone NOT NULL,
    times bigint NOT NULL,
    error text,
    upload_id bigint,
    due_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    fence bigint DEFAULT '0'::bigint NOT NULL,
    crashes bigint DEFAULT '0'::bigint NOT NULL,
    signature text,
    CONSTRAINT pk_delivery PRIMARY KEY (id),
    CONSTRAINT uq_delivery_source_id_key UNIQUE (source_id, key),
    CONSTRAINT fk_delivery_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_delivery_source_id FOREIGN KEY (source_id) REFERENCES connection(id),
    CONSTRAINT fk_delivery_upload_id FOREIGN KEY (upload_id) REFERENCES upload(id)
);

CREATE INDEX ix_delivery_due ON delivery USING btree (company_id, due_at, id) WHERE (due_at IS NOT NULL);

CREATE INDEX ix_delivery_lease ON delivery USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX ix_delivery_sha256 ON delivery USING btree (source_id, sha256);

CREATE UNIQUE INDEX uq_delivery_signature ON delivery USING btree (source_id, signature) WHERE (signature IS NOT NULL);

CREATE INDEX ix_delivery_source ON delivery USING btree (source_id, id);

CREATE TABLE use_mark (
    posting_id bigint NOT NULL,
    CONSTRAINT pk_use_mark PRIMARY KEY (posting_id)
);

CREATE TABLE version (
    id bigserial NOT NULL,
    record_id bigint NOT NULL,
    no bigint NOT NULL,
    sha256 text NOT NULL,
    body text,
    stamp text,
    stale boolean NOT NULL,
    status text NOT NULL,
    delivery_id bigint,
    corrects_id bigint,
    person_id bigint,
    reason text,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_version PRIMARY KEY (id),
    CONSTRAINT uq_version_record_id_no UNIQUE (record_id, no),
    CONSTRAINT fk_version_corrects_id FOREIGN KEY (corrects_id) REFERENCES version(id),
    CONSTRAINT fk_version_delivery_id FOREIGN KEY (delivery_id) REFERENCES delivery(id),
    CONSTRAINT fk_version_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_version_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_version_delivery_id ON version USING btree (delivery_id);

CREATE UNIQUE INDEX uq_version_stamp ON version USING btree (record_id, stamp, sha256) WHERE ((stamp IS NOT NULL) AND (corrects_id IS NULL));

CREATE INDEX ix_version_corrects ON version USING btree (at) WHERE (corrects_id IS NOT NULL);

CREATE TRIGGER version_no_change BEFORE UPDATE OF id, record_id, no, sha256, stamp, stale, status, delivery_id, corrects_id, person_id, reason, at ON version FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER version_no_delete BEFORE DELETE ON version FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER version_once BEFORE UPDATE OF body ON version FOR EACH ROW WHEN ((new.body IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE evaluation (
    id bigserial NOT NULL,
    record_id bigint NOT NULL,
    version_id bigint NOT NULL,
    ruleset_version_id bigint NOT NULL,
    revision bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    facts text,
    outcome text NOT NULL,
    hash text NOT NULL,
    valid_until timestamp with time zone,
    fence bigint NOT NULL,
    run_id bigint,
    digest bigint DEFAULT '1'::bigint NOT NULL,
    CONSTRAINT pk_evaluation PRIMARY KEY (id),
    CONSTRAINT uq_evaluation_record_id_fence UNIQUE (record_id, fence),
    CONSTRAINT fk_evaluation_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_evaluation_ruleset_version_id FOREIGN KEY (ruleset_version_id) REFERENCES ruleset_version(id),
    CONSTRAINT fk_evaluation_run_id FOREIGN KEY (run_id) REFERENCES run(id),
    CONSTRAINT fk_evaluation_version_id FOREIGN KEY (version_id) REFERENCES version(id)
);

CREATE TRIGGER evaluation_no_change BEFORE UPDATE OF id, record_id, version_id, ruleset_version_id, revision, at, outcome, hash, valid_until, fence, run_id, digest ON evaluation FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER evaluation_no_delete BEFORE DELETE ON evaluation FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER evaluation_once BEFORE UPDATE OF facts ON evaluation FOR EACH ROW WHEN ((new.facts IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE posting (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    record_id bigint NOT NULL,
    family bigint NOT NULL,
    connection_id bigint NOT NULL,
    route text NOT NULL,
    seq bigint NOT NULL,
    doc_type text NOT NULL,
    number text NOT NULL,
    state text NOT NULL,
    action text NOT NULL,
    hash text NOT NULL,
    content text,
    reason text NOT NULL,
    version_id bigint NOT NULL,
    evaluation_id bigint NOT NULL,
    revision bigint NOT NULL,
    amount bigint,
    currency text NOT NULL,
    book bigint,
    doc_date date,
    party text NOT NULL,
    reverses_id bigint,
    push_id bigint,
    posted_push_id bigint,
    target_ref text,
    sent_at timestamp with time zone,
    posted_at timestamp with time zone,
    read_at timestamp with time zone,
    tries bigint DEFAULT '0'::bigint NOT NULL,
    waits text,
    lock bigint DEFAULT '0'::bigint NOT NULL,
    due_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    fence bigint DEFAULT '0'::bigint NOT NULL,
    crashes bigint DEFAULT '0'::bigint NOT NULL,
    finished_at timestamp with time zone,
    bills text,
    read_due_at timestamp with time zone,
    reading_id bigint,
    e_invoice_at timestamp with time zone,
    withdrawn boolean DEFAULT false NOT NULL,
    CONSTRAINT ck_posting_action CHECK ((action = ANY (ARRAY['create'::text, 'update'::text, 'void'::text]))),
    CONSTRAINT ck_posting_state CHECK ((state = ANY (ARRAY['waiting'::text, 'held'::text, 'ignored'::text, 'dropped'::text, 'ready'::text, 'sending'::text, 'awaiting'::text, 'uncertain'::text, 'failed'::text, 'posted'::text, 'reversed'::text]))),
    CONSTRAINT pk_posting PRIMARY KEY (id),
    CONSTRAINT uq_posting_record_id_route_seq UNIQUE (record_id, route, seq),
    CONSTRAINT fk_posting_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_posting_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_posting_evaluation_id FOREIGN KEY (evaluation_id) REFERENCES evaluation(id),
    CONSTRAINT fk_posting_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_posting_reverses_id FOREIGN KEY (reverses_id) REFERENCES posting(id),
    CONSTRAINT fk_posting_version_id FOREIGN KEY (version_id) REFERENCES version(id)
);

CREATE INDEX ix_posting_day ON posting USING btree (company_id, connection_id, doc_type, doc_date);

CREATE INDEX ix_posting_due ON posting USING btree (connection_id, due_at, id) WHERE ((due_at IS NOT NULL) AND (lease_until IS NULL));

CREATE INDEX ix_posting_lease ON posting USING btree (lease_until) WHERE (lease_until IS NOT NULL);

CREATE INDEX ix_posting_open ON posting USING btree (company_id, state, connection_id, doc_type, doc_date) WHERE (state <> ALL (ARRAY['posted'::text, 'reversed'::text, 'dropped'::text, 'ignored'::text]));

CREATE INDEX ix_posting_reverses ON posting USING btree (reverses_id);

CREATE UNIQUE INDEX uq_posting_sent ON posting USING btree (connection_id, doc_type, number) WHERE (sent_at IS NOT NULL);

CREATE INDEX ix_posting_read ON posting USING btree (connection_id, read_due_at, id) WHERE ((state = 'posted'::text) AND (read_due_at IS NOT NULL));

CREATE INDEX ix_posting_number ON posting USING btree (company_id, number text_pattern_ops);

CREATE INDEX ix_posting_left_out ON posting USING btree (company_id, id) WHERE (state = ANY (ARRAY['ignored'::text, 'dropped'::text]));

CREATE INDEX ix_posting_standing ON posting USING btree (connection_id, doc_type, state, currency, book, amount) WHERE (state <> ALL (ARRAY['posted'::text, 'reversed'::text, 'dropped'::text, 'ignored'::text]));

CREATE INDEX ix_posting_booked ON posting USING btree (connection_id, doc_date, doc_type, state, currency, book, amount, action) WHERE (state = ANY (ARRAY['posted'::text, 'reversed'::text]));

CREATE INDEX ix_posting_late ON posting USING btree (company_id, finished_at, id, state) WHERE ((finished_at IS NOT NULL) AND (state <> ALL (ARRAY['posted'::text, 'reversed'::text, 'dropped'::text, 'ignored'::text])));

CREATE INDEX ix_posting_posted ON posting USING btree (connection_id, posted_at, route, book) WHERE (posted_at IS NOT NULL);

CREATE INDEX ix_posting_party ON posting USING btree (company_id, party, connection_id, doc_type, doc_date, currency, book, amount) WHERE (state = 'posted'::text);

CREATE INDEX ix_posting_ref ON posting USING btree (company_id, target_ref) WHERE (target_ref IS NOT NULL);

CREATE INDEX ix_posting_part ON posting USING btree (record_id, route, seq) WHERE (seq <> 1);

CREATE TRIGGER posting_moves BEFORE UPDATE OF state ON posting FOR EACH ROW WHEN (((old.state <> new.state) AND (NOT
        CASE old.state
            WHEN 'waiting'::text THEN (' waiting held ignored dropped ready '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'held'::text THEN (' waiting held ignored dropped ready posted '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'ignored'::text THEN (' waiting held ignored dropped ready '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'dropped'::text THEN (' waiting held ignored dropped ready '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'ready'::text THEN (' waiting held ignored dropped ready sending failed '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'sending'::text THEN (' posted reversed failed ready awaiting uncertain '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'awaiting'::text THEN (' posted reversed failed ready uncertain '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'uncertain'::text THEN (' posted reversed failed ready sending awaiting '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'failed'::text THEN (' waiting held ignored dropped ready posted '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'posted'::text THEN (' sending reversed '::text ~~ (('% '::text || new.state) || ' %'::text))
            ELSE false
        END))) EXECUTE FUNCTION refuse_move();

CREATE TRIGGER posting_tally_update AFTER UPDATE OF state ON posting FOR EACH ROW WHEN (((old.state = 'failed'::text) <> (new.state = 'failed'::text))) EXECUTE FUNCTION posting_tally_update();

CREATE TABLE approval (
    id bigserial NOT NULL,
    posting_id bigint NOT NULL,
    hash text NOT NULL,
    content text NOT NULL,
    level text NOT NULL,
    person_id bigint NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone NOT NULL,
    operation_id text,
    voided_at timestamp with time zone,
    voided_by_id bigint,
    voided_fields text,
    for_person_id bigint,
    CONSTRAINT pk_approval PRIMARY KEY (id),
    CONSTRAINT fk_approval_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_approval_posting_id FOREIGN KEY (posting_id) REFERENCES posting(id),
    CONSTRAINT fk_approval_voided_by_id FOREIGN KEY (voided_by_id) REFERENCES person(id),
    CONSTRAINT fk_approval_for_person_id FOREIGN KEY (for_person_id) REFERENCES person(id)
);

CREATE INDEX ix_approval_operation ON approval USING btree (operation_id);

CREATE INDEX ix_approval_posting ON approval USING btree (posting_id);

CREATE UNIQUE INDEX uq_approval_standing ON approval USING btree (posting_id, level) WHERE (voided_at IS NULL);

CREATE TRIGGER approval_dating BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION refuse_hand_dating();

CREATE TRIGGER approval_duties BEFORE INSERT ON approval FOR EACH ROW EXECUTE FUNCTION refuse_hand_approval();

CREATE TRIGGER approval_keeps_for BEFORE UPDATE OF for_person_id ON approval FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER approval_no_change BEFORE UPDATE OF id, posting_id, hash, content, level, person_id, reason, at, operation_id ON approval FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER approval_no_delete BEFORE DELETE ON approval FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER approval_once BEFORE UPDATE OF voided_at, voided_by_id, voided_fields ON approval FOR EACH ROW WHEN ((old.voided_at IS NOT NULL)) EXECUTE FUNCTION refuse_change();

CREATE TABLE event (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    person_id bigint,
    actor text NOT NULL,
    act text NOT NULL,
    record_id bigint,
    posting_id bigint,
    object text,
    fence bigint,
    body text NOT NULL,
    operation_id text,
    CONSTRAINT pk_event PRIMARY KEY (id),
    CONSTRAINT fk_event_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_event_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_event_posting_id FOREIGN KEY (posting_id) REFERENCES posting(id),
    CONSTRAINT fk_event_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_event_company ON event USING btree (company_id, id);

CREATE INDEX ix_event_record ON event USING btree (record_id, id);

CREATE INDEX ix_event_at ON event USING btree (company_id, at, id);

CREATE INDEX ix_event_person ON event USING btree (company_id, person_id, at, id) WHERE (person_id IS NOT NULL);

CREATE INDEX ix_event_wide ON event USING btree (company_id, at, id) WHERE (record_id IS NULL);

CREATE TRIGGER event_no_change BEFORE UPDATE OF id, company_id, at, person_id, actor, act, record_id, posting_id, object, fence, body, operation_id ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER event_no_delete BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE event_link (
    company_id bigint NOT NULL,
    seq bigint NOT NULL,
    event_id bigint NOT NULL,
    hash text NOT NULL,
    CONSTRAINT pk_event_link PRIMARY KEY (company_id, seq),
    CONSTRAINT uq_event_link_event_id UNIQUE (event_id),
    CONSTRAINT fk_event_link_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_event_link_event_id FOREIGN KEY (event_id) REFERENCES event(id)
);

CREATE TRIGGER event_link_no_change BEFORE UPDATE OF company_id, seq, event_id, hash ON event_link FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER event_link_no_delete BEFORE DELETE ON event_link FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE hold (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    record_id bigint NOT NULL,
    posting_id bigint,
    route text NOT NULL,
    seq bigint NOT NULL,
    code text NOT NULL,
    cause_id bigint NOT NULL,
    state text NOT NULL,
    class text NOT NULL,
    severity text NOT NULL,
    rule text NOT NULL,
    at_rule text NOT NULL,
    message text NOT NULL,
    would_pass text NOT NULL,
    clears text NOT NULL,
    revision bigint NOT NULL,
    team_id bigint,
    person_id bigint,
    answer_by timestamp with time zone NOT NULL,
    snoozed_until timestamp with time zone,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    closed_by_id bigint,
    closed_why text,
    opened_evaluation_id bigint,
    closed_evaluation_id bigint,
    lock bigint NOT NULL,
    book bigint,
    number text NOT NULL,
    party_key text NOT NULL,
    doc_type text NOT NULL,
    doc_date date,
    connection_id bigint,
    CONSTRAINT ck_hold_owner CHECK (((state <> 'open'::text) OR (team_id IS NOT NULL))),
    CONSTRAINT ck_hold_state CHECK ((state = ANY (ARRAY['open'::text, 'cleared'::text, 'released'::text, 'approved'::text]))),
    CONSTRAINT pk_hold PRIMARY KEY (id),
    CONSTRAINT fk_hold_cause_id FOREIGN KEY (cause_id) REFERENCES cause(id),
    CONSTRAINT fk_hold_closed_by_id FOREIGN KEY (closed_by_id) REFERENCES person(id),
    CONSTRAINT fk_hold_closed_evaluation_id FOREIGN KEY (closed_evaluation_id) REFERENCES evaluation(id),
    CONSTRAINT fk_hold_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_hold_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_hold_opened_evaluation_id FOREIGN KEY (opened_evaluation_id) REFERENCES evaluation(id),
    CONSTRAINT fk_hold_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_hold_posting_id FOREIGN KEY (posting_id) REFERENCES posting(id),
    CONSTRAINT fk_hold_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_hold_team_id FOREIGN KEY (team_id) REFERENCES team(id)
);

CREATE INDEX ix_hold_book ON hold USING btree (company_id, book, id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_cause ON hold USING btree (cause_id, opened_at, id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_closed ON hold USING btree (company_id, closed_at, id) WHERE (state <> 'open'::text);

CREATE INDEX ix_hold_party ON hold USING btree (company_id, party_key, opened_at, id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_person ON hold USING btree (company_id, person_id, opened_at, id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_posting_id ON hold USING btree (posting_id);

CREATE INDEX ix_hold_record ON hold USING btree (record_id);

CREATE INDEX ix_hold_snoozed ON hold USING btree (snoozed_until) WHERE (snoozed_until IS NOT NULL);

CREATE UNIQUE INDEX uq_hold_open ON hold USING btree (record_id, route, seq, code, cause_id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_waits ON hold USING btree (company_id, record_id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_team ON hold USING btree (company_id, team_id, person_id, opened_at) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_code ON hold USING btree (company_id, code, id, posting_id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_answer ON hold USING btree (company_id, answer_by) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_age ON hold USING btree (company_id, opened_at, id, number, party_key, cause_id, snoozed_until) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_listed ON hold USING btree (cause_id, id) WHERE (state = 'open'::text);

CREATE INDEX ix_hold_rule ON hold USING btree (company_id, rule, opened_at, id) WHERE (state = 'open'::text);

CREATE TRIGGER hold_moves BEFORE UPDATE OF state ON hold FOR EACH ROW WHEN (((old.state <> new.state) AND (NOT
        CASE old.state
            WHEN 'open'::text THEN (' cleared released approved '::text ~~ (('% '::text || new.state) || ' %'::text))
            ELSE false
        END))) EXECUTE FUNCTION refuse_move();

CREATE TRIGGER hold_tally_delete AFTER DELETE ON hold FOR EACH ROW EXECUTE FUNCTION hold_tally_delete();

CREATE TRIGGER hold_tally_insert AFTER INSERT ON hold FOR EACH ROW EXECUTE FUNCTION hold_tally_insert();

CREATE TRIGGER hold_tally_update AFTER UPDATE OF state, cause_id, class, team_id, person_id, snoozed_until, code, book, record_id, opened_at, answer_by, posting_id, connection_id ON hold FOR EACH ROW WHEN (((old.state IS DISTINCT FROM new.state) OR (old.cause_id IS DISTINCT FROM new.cause_id) OR (old.class IS DISTINCT FROM new.class) OR (old.team_id IS DISTINCT FROM new.team_id) OR (old.person_id IS DISTINCT FROM new.person_id) OR (old.snoozed_until IS DISTINCT FROM new.snoozed_until) OR (old.code IS DISTINCT FROM new.code) OR (old.book IS DISTINCT FROM new.book) OR (old.record_id IS DISTINCT FROM new.record_id) OR (old.opened_at IS DISTINCT FROM new.opened_at) OR (old.answer_by IS DISTINCT FROM new.answer_by) OR (old.posting_id IS DISTINCT FROM new.posting_id) OR (old.connection_id IS DISTINCT FROM new.connection_id))) EXECUTE FUNCTION hold_tally_update();

CREATE TABLE note (
    id bigserial NOT NULL,
    record_id bigint NOT NULL,
    hold_id bigint,
    person_id bigint NOT NULL,
    kind text NOT NULL,
    body text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT ck_note_kind CHECK ((kind = ANY (ARRAY['note'::text, 'conclusion'::text, 'escalation'::text]))),
    CONSTRAINT pk_note PRIMARY KEY (id),
    CONSTRAINT fk_note_hold_id FOREIGN KEY (hold_id) REFERENCES hold(id),
    CONSTRAINT fk_note_person_id FOREIGN KEY (person_id) REFERENCES person(id),
    CONSTRAINT fk_note_record_id FOREIGN KEY (record_id) REFERENCES record(id)
);

CREATE INDEX ix_note_record ON note USING btree (record_id, id);

CREATE TRIGGER note_no_change BEFORE UPDATE OF id, record_id, hold_id, person_id, kind, body, at ON note FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER note_no_delete BEFORE DELETE ON note FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE push (
    id bigserial NOT NULL,
    posting_id bigint NOT NULL,
    no bigint NOT NULL,
    connection_id bigint NOT NULL,
    family bigint NOT NULL,
    action text NOT NULL,
    hash text NOT NULL,
    number text NOT NULL,
    key text NOT NULL,
    content text NOT NULL,
    trace bytea,
    evaluation_id bigint NOT NULL,
    state text NOT NULL,
    target_ref text,
    error_class text,
    error text,
    made_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    kept bigint,
    CONSTRAINT ck_push_action CHECK ((action = ANY (ARRAY['create'::text, 'update'::text, 'void'::text]))),
    CONSTRAINT ck_push_state CHECK ((state = ANY (ARRAY['intent'::text, 'sending'::text, 'awaiting'::text, 'uncertain'::text, 'accepted'::text, 'refused'::text, 'conflict'::text, 'dropped'::text]))),
    CONSTRAINT pk_push PRIMARY KEY (id),
    CONSTRAINT uq_push_connection_id_key UNIQUE (connection_id, key),
    CONSTRAINT uq_push_posting_id_no UNIQUE (posting_id, no),
    CONSTRAINT fk_push_connection_id FOREIGN KEY (connection_id) REFERENCES connection(id),
    CONSTRAINT fk_push_evaluation_id FOREIGN KEY (evaluation_id) REFERENCES evaluation(id),
    CONSTRAINT fk_push_posting_id FOREIGN KEY (posting_id) REFERENCES posting(id)
);

CREATE UNIQUE INDEX uq_push_effect ON push USING btree (posting_id) WHERE ((action = 'create'::text) AND (state = ANY (ARRAY['intent'::text, 'sending'::text, 'awaiting'::text, 'uncertain'::text, 'accepted'::text])));

CREATE UNIQUE INDEX uq_push_family ON push USING btree (connection_id, family) WHERE (state = ANY (ARRAY['intent'::text, 'sending'::text, 'awaiting'::text, 'uncertain'::text]));

CREATE INDEX ix_push_newest ON push USING btree (connection_id, state, id);

CREATE TRIGGER push_moves BEFORE UPDATE OF state ON push FOR EACH ROW WHEN (((old.state <> new.state) AND (NOT
        CASE old.state
            WHEN 'intent'::text THEN (' sending awaiting uncertain accepted refused dropped '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'sending'::text THEN (' awaiting uncertain accepted refused conflict intent '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'awaiting'::text THEN (' uncertain accepted refused conflict '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'uncertain'::text THEN (' sending awaiting accepted refused conflict intent '::text ~~ (('% '::text || new.state) || ' %'::text))
            WHEN 'conflict'::text THEN (' accepted dropped '::text ~~ (('% '::text || new.state) || ' %'::text))
            ELSE false
        END))) EXECUTE FUNCTION refuse_move();

CREATE TABLE accepted_difference (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    release_id bigint NOT NULL,
    record_id bigint NOT NULL,
    posting_id bigint NOT NULL,
    push_id bigint NOT NULL,
    version_no bigint NOT NULL,
    posted bigint,
    wanted bigint,
    CONSTRAINT pk_accepted_difference PRIMARY KEY (id),
    CONSTRAINT uq_accepted_difference_release_id_posting_id UNIQUE (release_id, posting_id),
    CONSTRAINT fk_accepted_difference_company_id FOREIGN KEY (company_id) REFERENCES company(id),
    CONSTRAINT fk_accepted_difference_release_id FOREIGN KEY (release_id) REFERENCES release(id),
    CONSTRAINT fk_accepted_difference_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_accepted_difference_posting_id FOREIGN KEY (posting_id) REFERENCES posting(id),
    CONSTRAINT fk_accepted_difference_push_id FOREIGN KEY (push_id) REFERENCES push(id)
);

CREATE INDEX ix_accepted_difference_company ON accepted_difference USING btree (company_id, id);

CREATE INDEX ix_accepted_difference_record ON accepted_difference USING btree (record_id, id);

CREATE TRIGGER accepted_difference_no_change BEFORE UPDATE OF id, company_id, release_id, record_id, posting_id, push_id, version_no, posted, wanted ON accepted_difference FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER accepted_difference_no_delete BEFORE DELETE ON accepted_difference FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE attempt (
    id bigserial NOT NULL,
    request_id bigint NOT NULL,
    push_id bigint NOT NULL,
    no bigint NOT NULL,
    "row" bigint,
    fence bigint NOT NULL,
    state text NOT NULL,
    error_class text,
    error text,
    target_ref text,
    proof text,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_attempt PRIMARY KEY (id),
    CONSTRAINT uq_attempt_push_id_no UNIQUE (push_id, no),
    CONSTRAINT uq_attempt_request_id_push_id UNIQUE (request_id, push_id),
    CONSTRAINT fk_attempt_push_id FOREIGN KEY (push_id) REFERENCES push(id),
    CONSTRAINT fk_attempt_request_id FOREIGN KEY (request_id) REFERENCES request(id)
);

CREATE TRIGGER attempt_no_change BEFORE UPDATE OF id, request_id, push_id, no, "row", fence, at ON attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER attempt_no_delete BEFORE DELETE ON attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE posting_line (
    push_id bigint NOT NULL,
    line_key text NOT NULL,
    base_qty text NOT NULL,
    amount bigint NOT NULL,
    CONSTRAINT pk_posting_line PRIMARY KEY (push_id, line_key),
    CONSTRAINT fk_posting_line_push_id FOREIGN KEY (push_id) REFERENCES push(id)
);

CREATE TRIGGER posting_line_no_change BEFORE UPDATE OF push_id, line_key, base_qty, amount ON posting_line FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER posting_line_no_delete BEFORE DELETE ON posting_line FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE reading (
    id bigserial NOT NULL,
    posting_id bigint NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    sha256 text NOT NULL,
    body text NOT NULL,
    same boolean NOT NULL,
    CONSTRAINT ck_reading_ck_reading_kind CHECK ((kind = ANY (ARRAY['standing'::text, 'alike'::text]))),
    CONSTRAINT pk_reading PRIMARY KEY (id),
    CONSTRAINT fk_reading_posting_id FOREIGN KEY (posting_id) REFERENCES posting(id)
);

CREATE INDEX ix_reading_posting ON reading USING btree (posting_id, id);

CREATE TRIGGER reading_no_change BEFORE UPDATE OF id, posting_id, kind, at, sha256, body, same ON reading FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER reading_no_delete BEFORE DELETE ON reading FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE retry (
    id bigserial NOT NULL,
    record_id bigint NOT NULL,
    hold_id bigint NOT NULL,
    cause_id bigint NOT NULL,
    person_id bigint NOT NULL,
    content_sha256 text NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT pk_retry PRIMARY KEY (id),
    CONSTRAINT fk_retry_record_id FOREIGN KEY (record_id) REFERENCES record(id),
    CONSTRAINT fk_retry_hold_id FOREIGN KEY (hold_id) REFERENCES hold(id),
    CONSTRAINT fk_retry_cause_id FOREIGN KEY (cause_id) REFERENCES cause(id),
    CONSTRAINT fk_retry_person_id FOREIGN KEY (person_id) REFERENCES person(id)
);

CREATE INDEX ix_retry_record ON retry USING btree (record_id, id);

CREATE TRIGGER retry_no_change BEFORE UPDATE OF id, record_id, hold_id, cause_id, person_id, content_sha256, at ON retry FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER retry_no_delete BEFORE DELETE ON retry FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE wake_mark (
    id bigserial NOT NULL,
    company_id bigint NOT NULL,
    cause_id bigint,
    entry_id bigint,
    below bigint NOT NULL,
    told text NOT NULL,
    CONSTRAINT pk_wake_mark PRIMARY KEY (id),
    CONSTRAINT fk_wake_mark_company_id FOREIGN KEY (company_id) REFERENCES company(id)
);

CREATE INDEX ix_wake_mark_company ON wake_mark USING btree (company_id, entry_id);
