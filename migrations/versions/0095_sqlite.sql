-- The schema of version 0095 on SQLite. 0095_baseline.py runs this file.
-- A table comes after the tables that it refers to, and before its own indexes and triggers.
-- A statement ends with a semicolon and a blank line.

CREATE TABLE backup (
	id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	host TEXT NOT NULL, 
	file TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	bytes INTEGER NOT NULL, 
	CONSTRAINT pk_backup PRIMARY KEY (id)
);

CREATE TABLE clock_mark (
	id INTEGER NOT NULL, 
	newest_at VARCHAR(27), 
	back_at VARCHAR(27), 
	back_seconds INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_clock_mark PRIMARY KEY (id)
);

CREATE TABLE company (
	id INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	name TEXT NOT NULL, 
	zone TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	ruleset_version_id INTEGER, 
	linked_version_id INTEGER, 
	rules_revision INTEGER NOT NULL, 
	settings TEXT NOT NULL, 
	lock INTEGER NOT NULL, registration TEXT DEFAULT '' NOT NULL, closed_through DATE, starts_on DATE, live BOOLEAN DEFAULT 1 NOT NULL, went_live_at VARCHAR(27), ages_from VARCHAR(27), needs_second_factor BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_company PRIMARY KEY (id), 
	CONSTRAINT uq_company_code UNIQUE (code)
);

CREATE TABLE heartbeat (
	owner TEXT NOT NULL, 
	started_at VARCHAR(27) NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	next_by VARCHAR(27) NOT NULL, 
	left_at VARCHAR(27), memory_bytes INTEGER, disk_free_bytes INTEGER, stop_asked_at VARCHAR(27), 
	CONSTRAINT pk_heartbeat PRIMARY KEY (owner)
);

CREATE TABLE hold_tally (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	cause_id INTEGER NOT NULL, 
	shape TEXT NOT NULL, 
	currency TEXT NOT NULL, 
	records INTEGER DEFAULT '0' NOT NULL, 
	minor INTEGER DEFAULT '0' NOT NULL, 
	blank INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_hold_tally PRIMARY KEY (id), 
	CONSTRAINT fk_hold_tally_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT uq_hold_tally_company_id_cause_id_shape_currency UNIQUE (company_id, cause_id, shape, currency)
);

CREATE TABLE person (
	id INTEGER NOT NULL, 
	email TEXT NOT NULL, 
	name TEXT NOT NULL, 
	password_hash TEXT, 
	active BOOLEAN NOT NULL, 
	settings TEXT NOT NULL, 
	CONSTRAINT pk_person PRIMARY KEY (id), 
	CONSTRAINT uq_person_email UNIQUE (email)
);

CREATE TABLE access_link (
	id INTEGER NOT NULL, 
	token_hash TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	company_id INTEGER NOT NULL, 
	person_id INTEGER, 
	email TEXT NOT NULL, 
	name TEXT NOT NULL, 
	roles TEXT NOT NULL, 
	team_ids TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	made_by_id INTEGER, 
	expires_at VARCHAR(27) NOT NULL, 
	used_at VARCHAR(27), 
	ended_at VARCHAR(27), source_ids TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_access_link PRIMARY KEY (id), 
	CONSTRAINT ck_access_link_kind CHECK (kind IN ('join', 'reset')), 
	CONSTRAINT ck_access_link_person CHECK (kind = 'join' OR person_id IS NOT NULL), 
	CONSTRAINT fk_access_link_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_access_link_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_access_link_made_by_id FOREIGN KEY(made_by_id) REFERENCES person (id), 
	CONSTRAINT uq_access_link_token_hash UNIQUE (token_hash)
);

CREATE INDEX ix_access_link_company ON access_link (company_id, id);

CREATE TABLE access_request (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	act TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	asked_at VARCHAR(27) NOT NULL, 
	ended_at VARCHAR(27), 
	ended_by_id INTEGER, 
	granted BOOLEAN, 
	answer TEXT NOT NULL, 
	CONSTRAINT pk_access_request PRIMARY KEY (id), 
	CONSTRAINT fk_access_request_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_access_request_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_access_request_ended_by_id FOREIGN KEY(ended_by_id) REFERENCES person (id)
);

CREATE UNIQUE INDEX uq_access_request_open ON access_request (company_id, person_id, act) WHERE ended_at IS NULL;

CREATE INDEX ix_access_request_person ON access_request (company_id, person_id, id);

CREATE TABLE api_token (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	token_hash TEXT NOT NULL, 
	name TEXT NOT NULL, 
	scopes TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27) NOT NULL, 
	seen_at VARCHAR(27), 
	revoked_at VARCHAR(27), 
	CONSTRAINT pk_api_token PRIMARY KEY (id), 
	CONSTRAINT fk_api_token_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_api_token_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT uq_api_token_token_hash UNIQUE (token_hash)
);

CREATE INDEX ix_api_token_company ON api_token (company_id, id);

CREATE TABLE backtest (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	person_id INTEGER, 
	at VARCHAR(27) NOT NULL, 
	hash TEXT NOT NULL, 
	old_hash TEXT NOT NULL, 
	records INTEGER NOT NULL, 
	differ INTEGER NOT NULL, 
	bad INTEGER NOT NULL, 
	rules TEXT NOT NULL, 
	CONSTRAINT pk_backtest PRIMARY KEY (id), 
	CONSTRAINT fk_backtest_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_backtest_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_backtest_company ON backtest (company_id, hash, id);

CREATE TRIGGER backtest_no_delete BEFORE DELETE ON backtest BEGIN SELECT RAISE(ABORT, 'append-only: backtest'); END;

CREATE TRIGGER backtest_no_change BEFORE UPDATE ON backtest BEGIN SELECT RAISE(ABORT, 'append-only: backtest'); END;

CREATE TABLE change (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	title TEXT NOT NULL, 
	state TEXT NOT NULL, 
	base_id INTEGER, 
	hash TEXT NOT NULL, 
	author_id INTEGER, 
	checked_hash TEXT, 
	made_at VARCHAR(27) NOT NULL, 
	lock INTEGER NOT NULL, starts_at VARCHAR(27), starts_by_id INTEGER, starts_reason TEXT DEFAULT '' NOT NULL, 
	CONSTRAINT pk_change PRIMARY KEY (id), 
	CONSTRAINT ck_change_state CHECK ("state" IN ('draft', 'review', 'published', 'closed')), 
	CONSTRAINT fk_change_author_id FOREIGN KEY(author_id) REFERENCES person (id), 
	CONSTRAINT fk_change_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT uq_change_company_id_no UNIQUE (company_id, no)
);

CREATE TABLE change_comment (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	change_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	returns BOOLEAN NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_change_comment PRIMARY KEY (id), 
	CONSTRAINT fk_change_comment_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_change_comment_change_id FOREIGN KEY(change_id) REFERENCES change (id), 
	CONSTRAINT fk_change_comment_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_change_comment_change ON change_comment (change_id, id);

CREATE TRIGGER change_comment_no_delete BEFORE DELETE ON change_comment  BEGIN SELECT RAISE(ABORT, 'append-only: change_comment'); END;

CREATE TRIGGER change_comment_no_change BEFORE UPDATE OF id, company_id, change_id, person_id, body, returns, at ON change_comment  BEGIN SELECT RAISE(ABORT, 'append-only: change_comment'); END;

CREATE TABLE change_file (
	change_id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	body TEXT, 
	person_id INTEGER, 
	CONSTRAINT pk_change_file PRIMARY KEY (change_id, path), 
	CONSTRAINT fk_change_file_change_id FOREIGN KEY(change_id) REFERENCES change (id), 
	CONSTRAINT fk_change_file_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE connection (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	side TEXT NOT NULL, 
	connector TEXT NOT NULL, 
	settings TEXT NOT NULL, 
	paused_at VARCHAR(27), 
	paused_by_id INTEGER, 
	pause_reason TEXT, 
	pause_until VARCHAR(27), 
	key_id INTEGER, 
	lock INTEGER NOT NULL, untested_since VARCHAR(27), tested_at VARCHAR(27), test_steps TEXT DEFAULT '[]' NOT NULL, 
	CONSTRAINT pk_connection PRIMARY KEY (id), 
	CONSTRAINT ck_connection_side CHECK ("side" IN ('source', 'target')), 
	CONSTRAINT fk_connection_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_connection_paused_by_id FOREIGN KEY(paused_by_id) REFERENCES person (id), 
	CONSTRAINT uq_connection_company_id_name UNIQUE (company_id, name)
);

CREATE TABLE authorization_request (
	id INTEGER NOT NULL, 
	state_hash TEXT NOT NULL, 
	session_hash TEXT NOT NULL, 
	company_id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	back TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27) NOT NULL, 
	used_at VARCHAR(27), 
	CONSTRAINT pk_authorization_request PRIMARY KEY (id), 
	CONSTRAINT fk_authorization_request_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_authorization_request_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_authorization_request_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT uq_authorization_request_state_hash UNIQUE (state_hash)
);

CREATE INDEX ix_authorization_request_connection ON authorization_request (connection_id, id);

CREATE TABLE connection_key (
	id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	secret TEXT NOT NULL, 
	tail TEXT NOT NULL, 
	state TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	made_by_id INTEGER, 
	keep_until VARCHAR(27), 
	CONSTRAINT pk_connection_key PRIMARY KEY (id), 
	CONSTRAINT ck_connection_key_state CHECK ("state" IN ('new', 'active', 'old', 'disabled')), 
	CONSTRAINT fk_connection_key_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_connection_key_made_by_id FOREIGN KEY(made_by_id) REFERENCES person (id), 
	CONSTRAINT uq_connection_key_connection_id_no UNIQUE (connection_id, no)
);

CREATE UNIQUE INDEX uq_connection_key_active ON connection_key (connection_id) WHERE state = 'active';

CREATE TABLE deputy (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	deputy_id INTEGER NOT NULL, 
	from_at VARCHAR(27) NOT NULL, 
	until_at VARCHAR(27) NOT NULL, 
	reason TEXT NOT NULL, 
	named_at VARCHAR(27) NOT NULL, 
	named_by_id INTEGER, 
	ended_at VARCHAR(27), 
	ended_by_id INTEGER, 
	CONSTRAINT pk_deputy PRIMARY KEY (id), 
	CONSTRAINT ck_deputy_other CHECK (deputy_id <> person_id), 
	CONSTRAINT ck_deputy_time CHECK (until_at > from_at), 
	CONSTRAINT fk_deputy_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_deputy_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_deputy_deputy_id FOREIGN KEY(deputy_id) REFERENCES person (id), 
	CONSTRAINT fk_deputy_named_by_id FOREIGN KEY(named_by_id) REFERENCES person (id), 
	CONSTRAINT fk_deputy_ended_by_id FOREIGN KEY(ended_by_id) REFERENCES person (id)
);

CREATE INDEX ix_deputy_deputy ON deputy (company_id, deputy_id, until_at);

CREATE TRIGGER deputy_no_delete BEFORE DELETE ON deputy  BEGIN SELECT RAISE(ABORT, 'append-only: deputy'); END;

CREATE TRIGGER deputy_no_change BEFORE UPDATE OF id, company_id, person_id, deputy_id, from_at, until_at, reason, named_at, named_by_id ON deputy  BEGIN SELECT RAISE(ABORT, 'append-only: deputy'); END;

CREATE TRIGGER deputy_once BEFORE UPDATE OF ended_at, ended_by_id ON deputy  WHEN (OLD.ended_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: deputy'); END;

CREATE TABLE former_member (
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	left_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_former_member PRIMARY KEY (company_id, person_id), 
	CONSTRAINT fk_former_member_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_former_member_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE former_name (
	person_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	until_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_former_name PRIMARY KEY (person_id, name), 
	CONSTRAINT fk_former_name_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TRIGGER former_name_no_delete BEFORE DELETE ON former_name  BEGIN SELECT RAISE(ABORT, 'append-only: former_name'); END;

CREATE TRIGGER former_name_no_change BEFORE UPDATE ON former_name  BEGIN SELECT RAISE(ABORT, 'append-only: former_name'); END;

CREATE TABLE hook_call (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	outcome TEXT NOT NULL, 
	status INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	words TEXT NOT NULL, 
	hint TEXT NOT NULL, 
	times INTEGER DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_hook_call PRIMARY KEY (id), 
	CONSTRAINT ck_hook_call_outcome CHECK ("outcome" IN ('rejected', 'test')), 
	CONSTRAINT fk_hook_call_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_hook_call_source_id FOREIGN KEY(source_id) REFERENCES connection (id)
);

CREATE INDEX ix_hook_call_source ON hook_call (source_id, id);

CREATE TABLE item_reading (
	connection_id INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	asked_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_item_reading PRIMARY KEY (connection_id, code), 
	CONSTRAINT fk_item_reading_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id)
);

CREATE TABLE kept_apart (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	first TEXT NOT NULL, 
	second TEXT NOT NULL, 
	person_id INTEGER, 
	reason TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_kept_apart PRIMARY KEY (id), 
	CONSTRAINT fk_kept_apart_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_kept_apart_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT uq_kept_apart_company_id_first_second UNIQUE (company_id, first, second)
);

CREATE TABLE list_file (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	as_of DATE NOT NULL, 
	name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	person_id INTEGER, 
	at VARCHAR(27) NOT NULL, 
	entries INTEGER NOT NULL, 
	added INTEGER NOT NULL, 
	changed INTEGER NOT NULL, 
	gone INTEGER NOT NULL, 
	CONSTRAINT pk_list_file PRIMARY KEY (id), 
	CONSTRAINT ck_list_file_kind CHECK ("kind" IN ('customer', 'vendor', 'item', 'invoice', 'bill')), 
	CONSTRAINT fk_list_file_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_list_file_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_list_file_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_list_file_of ON list_file (connection_id, kind, id);

CREATE TABLE list_part (
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	no INTEGER NOT NULL, 
	rows TEXT NOT NULL, 
	CONSTRAINT pk_list_part PRIMARY KEY (connection_id, kind, no), 
	CONSTRAINT fk_list_part_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id)
);

CREATE TABLE list_reading (
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	due_at VARCHAR(27), 
	cursor TEXT, 
	pages INTEGER DEFAULT '0' NOT NULL, 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	tries INTEGER DEFAULT '0' NOT NULL, 
	wrong TEXT, 
	wrong_since VARCHAR(27), 
	read_at VARCHAR(27), 
	done_at VARCHAR(27), 
	done_found INTEGER DEFAULT '0' NOT NULL, missed TEXT, 
	CONSTRAINT pk_list_reading PRIMARY KEY (connection_id, kind), 
	CONSTRAINT ck_list_reading_kind CHECK ("kind" IN ('customer', 'vendor', 'item', 'invoice', 'bill')), 
	CONSTRAINT fk_list_reading_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id)
);

CREATE INDEX ix_list_reading_due ON list_reading (due_at);

CREATE TABLE listed_code (
	id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	code TEXT NOT NULL, 
	name TEXT NOT NULL, 
	tin TEXT NOT NULL, 
	registration TEXT NOT NULL, 
	active BOOLEAN DEFAULT 1 NOT NULL, 
	code_key TEXT NOT NULL, 
	name_key TEXT NOT NULL, 
	tin_key TEXT NOT NULL, 
	registration_key TEXT NOT NULL, 
	from_file_id INTEGER NOT NULL, 
	to_file_id INTEGER, sku VARCHAR DEFAULT '' NOT NULL, sku_key VARCHAR DEFAULT '' NOT NULL, party TEXT DEFAULT '' NOT NULL, currency TEXT DEFAULT '' NOT NULL, left_minor INTEGER, 
	CONSTRAINT pk_listed_code PRIMARY KEY (id), 
	CONSTRAINT fk_listed_code_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_listed_code_from_file_id FOREIGN KEY(from_file_id) REFERENCES list_file (id), 
	CONSTRAINT fk_listed_code_to_file_id FOREIGN KEY(to_file_id) REFERENCES list_file (id)
);

CREATE UNIQUE INDEX uq_listed_code_now ON listed_code (connection_id, kind, code) WHERE to_file_id IS NULL;

CREATE INDEX ix_listed_code_code_key ON listed_code (connection_id, kind, code_key) WHERE to_file_id IS NULL;

CREATE INDEX ix_listed_code_name_key ON listed_code (connection_id, kind, name_key) WHERE to_file_id IS NULL;

CREATE INDEX ix_listed_code_tin_key ON listed_code (connection_id, kind, tin_key) WHERE to_file_id IS NULL AND tin_key <> '';

CREATE INDEX ix_listed_code_registration_key ON listed_code (connection_id, kind, registration_key) WHERE to_file_id IS NULL AND registration_key <> '';

CREATE INDEX ix_listed_code_from ON listed_code (from_file_id);

CREATE INDEX ix_listed_code_to ON listed_code (to_file_id);

CREATE INDEX ix_listed_code_sku_key ON listed_code (connection_id, kind, sku_key) WHERE to_file_id IS NULL AND sku_key <> '';

CREATE INDEX ix_listed_code_party ON listed_code (connection_id, kind, party) WHERE to_file_id IS NULL AND party <> '';

CREATE TABLE membership (
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	role TEXT NOT NULL, 
	granted_by_id INTEGER, 
	granted_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_membership PRIMARY KEY (company_id, person_id, role), 
	CONSTRAINT fk_membership_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_membership_granted_by_id FOREIGN KEY(granted_by_id) REFERENCES person (id), 
	CONSTRAINT fk_membership_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_membership_person_id ON membership (person_id);

CREATE TABLE operation (
	id TEXT NOT NULL, 
	person_id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	answer TEXT, company_id INTEGER CONSTRAINT fk_operation_company_id REFERENCES company (id), say TEXT, undo_until TEXT, undone_at TEXT, stood TEXT, asked TEXT, 
	CONSTRAINT pk_operation PRIMARY KEY (id), 
	CONSTRAINT fk_operation_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_operation_undo ON operation (person_id, undo_until) WHERE undo_until IS NOT NULL;

CREATE TABLE posting_use (
	entry_id INTEGER NOT NULL, 
	posting_id INTEGER NOT NULL, 
	CONSTRAINT pk_posting_use PRIMARY KEY (entry_id, posting_id)
)
 WITHOUT ROWID

;

CREATE INDEX ix_posting_use_posting_id ON posting_use (posting_id);

CREATE TABLE program_version (
	id INTEGER NOT NULL, 
	version VARCHAR NOT NULL, 
	schema VARCHAR NOT NULL, 
	CONSTRAINT pk_program_version PRIMARY KEY (id)
);

CREATE TABLE pull (
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	start_at VARCHAR(27) NOT NULL, 
	cursor TEXT, 
	due_at VARCHAR(27), 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	tries INTEGER DEFAULT '0' NOT NULL, 
	wrong TEXT, 
	wrong_since VARCHAR(27), 
	found INTEGER DEFAULT '0' NOT NULL, 
	read_at VARCHAR(27), 
	done_at VARCHAR(27), 
	done_found INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_pull PRIMARY KEY (connection_id, kind), 
	CONSTRAINT ck_pull_kind CHECK (kind IN ('pull', 'sweep')), 
	CONSTRAINT fk_pull_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id)
);

CREATE INDEX ix_pull_due ON pull (due_at);

CREATE TABLE record (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	type TEXT NOT NULL, 
	external_id TEXT NOT NULL, 
	number TEXT NOT NULL, 
	family INTEGER NOT NULL, 
	version_id INTEGER, 
	status TEXT NOT NULL, 
	state TEXT NOT NULL, 
	party TEXT NOT NULL, 
	party_key TEXT NOT NULL, 
	branch TEXT NOT NULL, 
	doc_date DATE, 
	amount INTEGER, 
	currency TEXT NOT NULL, 
	book INTEGER, 
	priority INTEGER NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	lock INTEGER NOT NULL, 
	due_at VARCHAR(27), 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	fence INTEGER DEFAULT '0' NOT NULL, 
	crashes INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_record PRIMARY KEY (id), 
	CONSTRAINT ck_record_state CHECK ("state" IN ('received', 'uncertain', 'failed', 'held', 'sending', 'awaiting', 'ready', 'waiting', 'posted', 'reversed', 'dropped', 'ignored', 'reference')), 
	CONSTRAINT fk_record_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_record_source_id FOREIGN KEY(source_id) REFERENCES connection (id), 
	CONSTRAINT uq_record_source_id_type_external_id UNIQUE (source_id, type, external_id)
);

CREATE INDEX ix_record_due ON record (company_id, due_at, id) WHERE due_at IS NOT NULL AND lease_until IS NULL;

CREATE INDEX ix_record_family ON record (company_id, family);

CREATE INDEX ix_record_lease ON record (lease_until) WHERE lease_until IS NOT NULL;

CREATE INDEX ix_record_number ON record (company_id, number);

CREATE INDEX ix_record_open ON record (company_id, state, id) WHERE state NOT IN ('posted', 'reversed', 'dropped', 'ignored');

CREATE INDEX ix_record_party ON record (company_id, party_key, seen_at);

CREATE INDEX ix_record_crashed ON record (company_id, due_at, id) WHERE due_at IS NOT NULL AND lease_until IS NULL AND crashes > 0;

CREATE INDEX ix_record_external ON record (company_id, external_id);

CREATE INDEX ix_record_day ON record (company_id, doc_date, state);

CREATE INDEX ix_record_seen ON record (company_id, seen_at, id, state);

CREATE TRIGGER record_tally_update AFTER UPDATE OF amount, currency ON record  WHEN (OLD.amount IS NOT NEW.amount OR OLD.currency IS NOT NEW.currency) BEGIN INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.id); END;

CREATE TABLE dating (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	route TEXT NOT NULL, 
	instead_of DATE NOT NULL, 
	day DATE NOT NULL, 
	person_id INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	operation_id TEXT, 
	voided_at VARCHAR(27), 
	CONSTRAINT pk_dating PRIMARY KEY (id), 
	CONSTRAINT fk_dating_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_dating_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE UNIQUE INDEX uq_dating_standing ON dating (record_id, route) WHERE voided_at IS NULL;

CREATE TRIGGER dating_once BEFORE UPDATE OF voided_at ON dating  WHEN (OLD.voided_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: dating'); END;

CREATE TRIGGER dating_no_delete BEFORE DELETE ON dating  BEGIN SELECT RAISE(ABORT, 'append-only: dating'); END;

CREATE TRIGGER dating_no_change BEFORE UPDATE OF id, record_id, route, instead_of, day, person_id, reason, at, operation_id ON dating  BEGIN SELECT RAISE(ABORT, 'append-only: dating'); END;

CREATE TABLE escalation (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	packet TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	personal BOOLEAN DEFAULT 0 NOT NULL, 
	sent_to TEXT, 
	ticket TEXT, 
	sent_at VARCHAR(27), 
	sent_by_id INTEGER, 
	CONSTRAINT pk_escalation PRIMARY KEY (id), 
	CONSTRAINT ck_escalation_sent CHECK ((sent_at IS NULL) = (sent_to IS NULL)), 
	CONSTRAINT fk_escalation_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_escalation_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_escalation_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_escalation_sent_by_id FOREIGN KEY(sent_by_id) REFERENCES person (id)
);

CREATE INDEX ix_escalation_record ON escalation (record_id, id);

CREATE TABLE link_key (
	company_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	record_id INTEGER NOT NULL, 
	CONSTRAINT pk_link_key PRIMARY KEY (company_id, name, value, record_id), 
	CONSTRAINT fk_link_key_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_link_key_record_id FOREIGN KEY(record_id) REFERENCES record (id)
)
 WITHOUT ROWID

;

CREATE INDEX ix_link_key_record_id ON link_key (record_id);

CREATE TABLE recovery_code (
	id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	code_hash TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	used_at VARCHAR(27), 
	CONSTRAINT pk_recovery_code PRIMARY KEY (id), 
	CONSTRAINT fk_recovery_code_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_recovery_code_person_id ON recovery_code (person_id);

CREATE TABLE revision (
	company_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	person_id INTEGER, 
	reason TEXT, 
	what TEXT NOT NULL, 
	CONSTRAINT pk_revision PRIMARY KEY (company_id, no), 
	CONSTRAINT ck_revision_kind CHECK ("kind" IN ('rules', 'mapping', 'unit', 'snapshot', 'connection', 'setting')), 
	CONSTRAINT fk_revision_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_revision_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TRIGGER revision_no_delete BEFORE DELETE ON revision  BEGIN SELECT RAISE(ABORT, 'append-only: revision'); END;

CREATE TRIGGER revision_no_change BEFORE UPDATE OF company_id, no, kind, at, person_id, reason, what ON revision  BEGIN SELECT RAISE(ABORT, 'append-only: revision'); END;

CREATE TABLE route_stop (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	route TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	records INTEGER NOT NULL, 
	book INTEGER NOT NULL, 
	most_records INTEGER, 
	most_book INTEGER, 
	stopped_at VARCHAR(27), 
	kept_at VARCHAR(27), 
	resumed_at VARCHAR(27), 
	kept_by_id INTEGER, 
	resumed_by_id INTEGER, 
	kept_why TEXT, 
	resumed_why TEXT, superseded_by INTEGER, 
	CONSTRAINT pk_route_stop PRIMARY KEY (id), 
	CONSTRAINT ck_route_stop_ck_route_stop_state CHECK (state IN ('counting', 'stopped', 'resumed')), 
	CONSTRAINT fk_route_stop_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_route_stop_kept_by_id FOREIGN KEY(kept_by_id) REFERENCES person (id), 
	CONSTRAINT fk_route_stop_resumed_by_id FOREIGN KEY(resumed_by_id) REFERENCES person (id), 
	CONSTRAINT uq_route_stop_company_id_route_revision UNIQUE (company_id, route, revision)
);

CREATE INDEX ix_route_stop_open ON route_stop (company_id, route) WHERE state = 'stopped';

CREATE TABLE rule_draft (
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	base_id INTEGER, 
	body TEXT NOT NULL, 
	saved_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_rule_draft PRIMARY KEY (company_id, person_id, path), 
	CONSTRAINT fk_rule_draft_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_rule_draft_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE ruleset_version (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	change_id INTEGER, 
	author_id INTEGER, 
	published_by_id INTEGER, 
	published_at VARCHAR(27) NOT NULL, 
	engine TEXT NOT NULL, backtest_id INTEGER, backtest_sha256 TEXT, edition INTEGER DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_ruleset_version PRIMARY KEY (id), 
	CONSTRAINT fk_ruleset_version_author_id FOREIGN KEY(author_id) REFERENCES person (id), 
	CONSTRAINT fk_ruleset_version_change_id FOREIGN KEY(change_id) REFERENCES change (id), 
	CONSTRAINT fk_ruleset_version_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_ruleset_version_published_by_id FOREIGN KEY(published_by_id) REFERENCES person (id), 
	CONSTRAINT uq_ruleset_version_company_id_no UNIQUE (company_id, no), 
	CONSTRAINT ck_ruleset_version_duties CHECK (author_id <> published_by_id)
);

CREATE TRIGGER ruleset_version_no_delete BEFORE DELETE ON ruleset_version  BEGIN SELECT RAISE(ABORT, 'append-only: ruleset_version'); END;

CREATE TRIGGER ruleset_version_no_change BEFORE UPDATE OF id, company_id, no, hash, revision, change_id, author_id, published_by_id, published_at, engine, backtest_id, backtest_sha256, edition ON ruleset_version BEGIN SELECT RAISE(ABORT, 'append-only: ruleset_version'); END;

CREATE TABLE backtest_run (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	change_id INTEGER NOT NULL, 
	old_id INTEGER NOT NULL, 
	person_id INTEGER, 
	first DATE, 
	last DATE, 
	started_at VARCHAR(27) NOT NULL, 
	until_id INTEGER NOT NULL, 
	seen_id INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	looked INTEGER NOT NULL, 
	gone INTEGER NOT NULL, 
	counted TEXT NOT NULL, 
	ended_at VARCHAR(27), 
	ending TEXT, 
	backtest_id INTEGER, 
	CONSTRAINT pk_backtest_run PRIMARY KEY (id), 
	CONSTRAINT ck_backtest_run_ending CHECK ("ending" IN ('done', 'person', 'closed')), 
	CONSTRAINT fk_backtest_run_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_backtest_run_change_id FOREIGN KEY(change_id) REFERENCES change (id), 
	CONSTRAINT fk_backtest_run_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_backtest_run_backtest_id FOREIGN KEY(backtest_id) REFERENCES backtest (id), 
	CONSTRAINT fk_backtest_run_old_id FOREIGN KEY(old_id) REFERENCES ruleset_version (id)
);

CREATE UNIQUE INDEX uq_backtest_run_running ON backtest_run (company_id) WHERE ended_at IS NULL;

CREATE INDEX ix_backtest_run_change ON backtest_run (change_id, id);

CREATE TABLE backtest_result (
	run_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	route TEXT NOT NULL, 
	was TEXT NOT NULL, 
	would TEXT NOT NULL, 
	record_id INTEGER NOT NULL, 
	evaluation_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	amount INTEGER NOT NULL, 
	currency TEXT NOT NULL, 
	stops BOOLEAN NOT NULL, 
	CONSTRAINT pk_backtest_result PRIMARY KEY (run_id, kind, route, was, would, record_id), 
	CONSTRAINT fk_backtest_result_run_id FOREIGN KEY(run_id) REFERENCES backtest_run (id), 
	CONSTRAINT fk_backtest_result_record_id FOREIGN KEY(record_id) REFERENCES record (id)
);

CREATE INDEX ix_backtest_result_stops ON backtest_result (run_id, amount, record_id) WHERE stops;

CREATE TABLE rule_file (
	ruleset_version_id INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	body TEXT NOT NULL, 
	CONSTRAINT pk_rule_file PRIMARY KEY (ruleset_version_id, path), 
	CONSTRAINT fk_rule_file_ruleset_version_id FOREIGN KEY(ruleset_version_id) REFERENCES ruleset_version (id)
);

CREATE TRIGGER rule_file_no_delete BEFORE DELETE ON rule_file  BEGIN SELECT RAISE(ABORT, 'append-only: rule_file'); END;

CREATE TRIGGER rule_file_no_change BEFORE UPDATE OF ruleset_version_id, path, sha256, body ON rule_file  BEGIN SELECT RAISE(ABORT, 'append-only: rule_file'); END;

CREATE TABLE run (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	connection_id INTEGER, 
	route TEXT, 
	doc_type TEXT, 
	day DATE, 
	filter TEXT, 
	state TEXT NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	counts TEXT NOT NULL, 
	result TEXT, 
	person_id INTEGER, 
	made_at VARCHAR(27) NOT NULL, 
	ended_at VARCHAR(27), 
	error TEXT, 
	due_at VARCHAR(27), 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	fence INTEGER DEFAULT '0' NOT NULL, 
	crashes INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_run PRIMARY KEY (id), 
	CONSTRAINT fk_run_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_run_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_run_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_run_company ON run (company_id, id);

CREATE INDEX ix_run_due ON run (company_id, due_at, id) WHERE due_at IS NOT NULL AND lease_until IS NULL;

CREATE INDEX ix_run_pill ON run (connection_id, doc_type, id);

CREATE UNIQUE INDEX uq_run_daily ON run (company_id, route, day) WHERE kind = 'daily';

CREATE INDEX ix_run_at ON run (company_id, made_at, id);

CREATE INDEX ix_run_connection_at ON run (company_id, connection_id, made_at, id);

CREATE TABLE request (
	id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	run_id INTEGER, 
	"key" TEXT NOT NULL, 
	key_id INTEGER, 
	body BLOB, 
	sha256 TEXT NOT NULL, 
	headers TEXT NOT NULL, 
	rows TEXT, 
	state TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	deadline_at VARCHAR(27) NOT NULL, 
	answered_at VARCHAR(27), 
	status INTEGER, 
	answer BLOB, 
	answer_sha256 TEXT, 
	parent_id INTEGER, body_removed_at VARCHAR(27), 
	CONSTRAINT pk_request PRIMARY KEY (id), 
	CONSTRAINT ck_request_kind CHECK ("kind" IN ('push', 'lookup', 'poll', 'read')), 
	CONSTRAINT fk_request_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_request_parent_id FOREIGN KEY(parent_id) REFERENCES request (id), 
	CONSTRAINT fk_request_run_id FOREIGN KEY(run_id) REFERENCES run (id)
);

CREATE INDEX ix_request_connection ON request (connection_id, id);

CREATE INDEX ix_request_key ON request (connection_id, "key");

CREATE INDEX ix_request_run ON request (run_id);

CREATE INDEX ix_request_parent ON request (parent_id) WHERE parent_id IS NOT NULL;

CREATE TRIGGER request_no_delete BEFORE DELETE ON request BEGIN SELECT RAISE(ABORT, 'append-only: request'); END;

CREATE TRIGGER request_no_change BEFORE UPDATE OF id, connection_id, kind, run_id, key, key_id, sha256, headers, rows, made_at, parent_id ON request BEGIN SELECT RAISE(ABORT, 'append-only: request'); END;

CREATE TRIGGER request_once BEFORE UPDATE OF body, body_removed_at ON request WHEN (NEW.body IS NOT NULL OR NEW.body_removed_at IS NULL OR OLD.body_removed_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: request'); END;

CREATE TABLE import_file (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	run_id INTEGER, 
	request_id INTEGER NOT NULL, 
	doc_type TEXT NOT NULL, 
	name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	documents INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	totals TEXT NOT NULL, 
	state TEXT NOT NULL, 
	verdicts TEXT NOT NULL, 
	note TEXT DEFAULT '' NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	handed_over_at VARCHAR(27), 
	handed_over_by_id INTEGER, 
	imported_at VARCHAR(27), 
	imported_by_id INTEGER, 
	ended_at VARCHAR(27), 
	ended_by_id INTEGER, 
	CONSTRAINT pk_import_file PRIMARY KEY (id), 
	CONSTRAINT ck_import_file_state CHECK ("state" IN ('exported', 'handed_over', 'imported', 'mismatch', 'reconciled', 'withdrawn')), 
	CONSTRAINT fk_import_file_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_import_file_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_import_file_run_id FOREIGN KEY(run_id) REFERENCES run (id), 
	CONSTRAINT fk_import_file_request_id FOREIGN KEY(request_id) REFERENCES request (id), 
	CONSTRAINT fk_import_file_handed_over_by_id FOREIGN KEY(handed_over_by_id) REFERENCES person (id), 
	CONSTRAINT fk_import_file_imported_by_id FOREIGN KEY(imported_by_id) REFERENCES person (id), 
	CONSTRAINT fk_import_file_ended_by_id FOREIGN KEY(ended_by_id) REFERENCES person (id), 
	CONSTRAINT uq_import_file_request_id UNIQUE (request_id)
);

CREATE INDEX ix_import_file_run ON import_file (run_id);

CREATE INDEX ix_import_file_company ON import_file (company_id, id);

CREATE TABLE saved_view (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	"query" TEXT NOT NULL, 
	shared BOOLEAN NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_saved_view PRIMARY KEY (id), 
	CONSTRAINT fk_saved_view_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_saved_view_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT uq_saved_view_company_id_person_id_name UNIQUE (company_id, person_id, name)
);

CREATE TABLE schedule (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	route TEXT NOT NULL, 
	at TEXT NOT NULL, 
	zone TEXT NOT NULL, 
	active BOOLEAN NOT NULL, 
	next_at VARCHAR(27), 
	last_day DATE, 
	CONSTRAINT pk_schedule PRIMARY KEY (id), 
	CONSTRAINT fk_schedule_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT uq_schedule_company_id_route UNIQUE (company_id, route)
);

CREATE INDEX ix_schedule_next ON schedule (next_at) WHERE active;

CREATE TABLE second_factor (
	person_id INTEGER NOT NULL, 
	secret TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	made_in TEXT NOT NULL, 
	confirmed_at VARCHAR(27), 
	last_step INTEGER DEFAULT '0' NOT NULL, 
	CONSTRAINT pk_second_factor PRIMARY KEY (person_id), 
	CONSTRAINT fk_second_factor_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE session (
	token_hash TEXT NOT NULL, 
	person_id INTEGER NOT NULL, 
	created_at VARCHAR(27) NOT NULL, 
	seen_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27) NOT NULL, 
	revoked_at VARCHAR(27), 
	step_up_at VARCHAR(27), device TEXT DEFAULT '' NOT NULL, address TEXT DEFAULT '' NOT NULL, factor_at VARCHAR(27), 
	CONSTRAINT pk_session PRIMARY KEY (token_hash), 
	CONSTRAINT fk_session_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_session_person_id ON session (person_id);

CREATE TABLE setup_address (
	token_hash TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27) NOT NULL, 
	used_at VARCHAR(27), 
	CONSTRAINT pk_setup_address PRIMARY KEY (token_hash)
);

CREATE TABLE shadow (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	change_id INTEGER NOT NULL, 
	person_id INTEGER, 
	started_at VARCHAR(27) NOT NULL, 
	until VARCHAR(27) NOT NULL, 
	since_id INTEGER NOT NULL, 
	seen_id INTEGER NOT NULL, 
	judged INTEGER NOT NULL, 
	differ INTEGER NOT NULL, 
	unread INTEGER NOT NULL, 
	ended_at VARCHAR(27), 
	ending TEXT, 
	CONSTRAINT pk_shadow PRIMARY KEY (id), 
	CONSTRAINT ck_shadow_ending CHECK (ending IN ('person', 'time', 'limit', 'closed')), 
	CONSTRAINT fk_shadow_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_shadow_change_id FOREIGN KEY(change_id) REFERENCES change (id), 
	CONSTRAINT fk_shadow_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE UNIQUE INDEX uq_shadow_running ON shadow (company_id) WHERE ended_at IS NULL;

CREATE INDEX ix_shadow_change ON shadow (change_id, id);

CREATE TABLE shadow_verdict (
	shadow_id INTEGER NOT NULL, 
	evaluation_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	differs BOOLEAN NOT NULL, 
	was TEXT NOT NULL, 
	would TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_shadow_verdict PRIMARY KEY (shadow_id, evaluation_id), 
	CONSTRAINT fk_shadow_verdict_shadow_id FOREIGN KEY(shadow_id) REFERENCES shadow (id), 
	CONSTRAINT fk_shadow_verdict_record_id FOREIGN KEY(record_id) REFERENCES record (id)
);

CREATE INDEX ix_shadow_verdict_differs ON shadow_verdict (shadow_id, evaluation_id) WHERE differs;

CREATE TABLE sign_in_step (
	token_hash TEXT NOT NULL, 
	person_id INTEGER NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	expires_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_sign_in_step PRIMARY KEY (token_hash), 
	CONSTRAINT fk_sign_in_step_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_sign_in_step_person_id ON sign_in_step (person_id);

CREATE TABLE singleton (
	name TEXT NOT NULL, 
	owner TEXT, 
	until VARCHAR(27), 
	fence INTEGER NOT NULL, 
	CONSTRAINT pk_singleton PRIMARY KEY (name)
);

CREATE TABLE snapshot (
	id INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	checked_at VARCHAR(27) NOT NULL, 
	changed_at VARCHAR(27) NOT NULL, 
	revision INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	due_at VARCHAR(27), 
	CONSTRAINT pk_snapshot PRIMARY KEY (id), 
	CONSTRAINT fk_snapshot_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT uq_snapshot_connection_id_kind UNIQUE (connection_id, kind)
);

CREATE TABLE snapshot_item (
	id INTEGER NOT NULL, 
	snapshot_id INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	body TEXT NOT NULL, 
	from_revision INTEGER NOT NULL, 
	to_revision INTEGER, 
	CONSTRAINT pk_snapshot_item PRIMARY KEY (id), 
	CONSTRAINT fk_snapshot_item_snapshot_id FOREIGN KEY(snapshot_id) REFERENCES snapshot (id), 
	CONSTRAINT uq_snapshot_item_snapshot_id_code_from_revision UNIQUE (snapshot_id, code, from_revision)
);

CREATE UNIQUE INDEX uq_snapshot_item_now ON snapshot_item (snapshot_id, code) WHERE to_revision IS NULL;

CREATE TRIGGER snapshot_item_no_delete BEFORE DELETE ON snapshot_item  BEGIN SELECT RAISE(ABORT, 'append-only: snapshot_item'); END;

CREATE TRIGGER snapshot_item_no_change BEFORE UPDATE OF id, snapshot_id, code, body, from_revision ON snapshot_item  BEGIN SELECT RAISE(ABORT, 'append-only: snapshot_item'); END;

CREATE TRIGGER snapshot_item_once BEFORE UPDATE OF to_revision ON snapshot_item  WHEN (OLD.to_revision IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: snapshot_item'); END;

CREATE TABLE source_limit (
	company_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	set_by_id INTEGER, 
	set_at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_source_limit PRIMARY KEY (company_id, person_id, source_id), 
	CONSTRAINT fk_source_limit_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_source_limit_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_source_limit_source_id FOREIGN KEY(source_id) REFERENCES connection (id), 
	CONSTRAINT fk_source_limit_set_by_id FOREIGN KEY(set_by_id) REFERENCES person (id)
);

CREATE INDEX ix_source_limit_person_id ON source_limit (person_id);

CREATE TABLE story_form (
	ruleset_version_id INTEGER NOT NULL, 
	body BLOB NOT NULL, 
	CONSTRAINT pk_story_form PRIMARY KEY (ruleset_version_id), 
	CONSTRAINT fk_story_form_ruleset_version_id FOREIGN KEY(ruleset_version_id) REFERENCES ruleset_version (id)
);

CREATE TRIGGER story_form_no_delete BEFORE DELETE ON story_form BEGIN SELECT RAISE(ABORT, 'append-only: story_form'); END;

CREATE TRIGGER story_form_no_change BEFORE UPDATE ON story_form BEGIN SELECT RAISE(ABORT, 'append-only: story_form'); END;

CREATE TABLE tallied_record (
	record_id INTEGER NOT NULL, 
	cause_id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	tally_id INTEGER NOT NULL, 
	minor INTEGER, 
	CONSTRAINT pk_tallied_record PRIMARY KEY (record_id, cause_id), 
	CONSTRAINT fk_tallied_record_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_tallied_record_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_tallied_record_tally_id FOREIGN KEY(tally_id) REFERENCES hold_tally (id)
);

CREATE TABLE tally_mark (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	CONSTRAINT pk_tally_mark PRIMARY KEY (id)
);

CREATE INDEX ix_tally_mark_company ON tally_mark (company_id, record_id);

CREATE TABLE team (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	title TEXT NOT NULL, 
	CONSTRAINT pk_team PRIMARY KEY (id), 
	CONSTRAINT fk_team_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT uq_team_company_id_name UNIQUE (company_id, name)
);

CREATE TABLE cause (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	class TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	label TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	team_id INTEGER, 
	table_name TEXT, 
	value TEXT, 
	changed_revision INTEGER NOT NULL, 
	opened_at VARCHAR(27) NOT NULL, 
	records INTEGER NOT NULL, 
	book INTEGER NOT NULL, 
	CONSTRAINT pk_cause PRIMARY KEY (id), 
	CONSTRAINT fk_cause_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_cause_team_id FOREIGN KEY(team_id) REFERENCES team (id), 
	CONSTRAINT uq_cause_company_id_key UNIQUE (company_id, "key")
);

CREATE INDEX ix_cause_class ON cause (company_id, class, book, id) WHERE records > 0;

CREATE INDEX ix_cause_live ON cause (company_id, book, id) WHERE records > 0;

CREATE INDEX ix_cause_team ON cause (company_id, team_id, book, id) WHERE records > 0;

CREATE TABLE mapping_table (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	name TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	team_id INTEGER, 
	CONSTRAINT pk_mapping_table PRIMARY KEY (id), 
	CONSTRAINT ck_mapping_table_kind CHECK ("kind" IN ('map', 'unit')), 
	CONSTRAINT fk_mapping_table_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_mapping_table_team_id FOREIGN KEY(team_id) REFERENCES team (id), 
	CONSTRAINT uq_mapping_table_company_id_name UNIQUE (company_id, name)
);

CREATE TABLE mapping_entry (
	id INTEGER NOT NULL, 
	table_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	value TEXT, 
	num INTEGER, 
	den INTEGER, 
	valid_from DATE NOT NULL, 
	valid_to DATE, 
	from_revision INTEGER NOT NULL, 
	to_revision INTEGER, 
	person_id INTEGER, 
	reason TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_mapping_entry PRIMARY KEY (id), 
	CONSTRAINT fk_mapping_entry_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_mapping_entry_table_id FOREIGN KEY(table_id) REFERENCES mapping_table (id), 
	CONSTRAINT uq_mapping_entry_table_id_key_valid_from_from_revision UNIQUE (table_id, "key", valid_from, from_revision)
);

CREATE INDEX ix_mapping_entry_value ON mapping_entry (table_id, value);

CREATE UNIQUE INDEX uq_mapping_entry_now ON mapping_entry (table_id, "key", valid_from) WHERE to_revision IS NULL;

CREATE TRIGGER mapping_entry_no_delete BEFORE DELETE ON mapping_entry  BEGIN SELECT RAISE(ABORT, 'append-only: mapping_entry'); END;

CREATE TRIGGER mapping_entry_no_change BEFORE UPDATE OF id, table_id, key, value, num, den, valid_from, valid_to, from_revision, person_id, reason, at ON mapping_entry  BEGIN SELECT RAISE(ABORT, 'append-only: mapping_entry'); END;

CREATE TRIGGER mapping_entry_once BEFORE UPDATE OF to_revision ON mapping_entry  WHEN (OLD.to_revision IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: mapping_entry'); END;

CREATE TABLE recipient (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	person_id INTEGER, 
	team_id INTEGER, 
	address TEXT DEFAULT '' NOT NULL, 
	secret TEXT, 
	digest BOOLEAN NOT NULL, 
	urgent BOOLEAN NOT NULL, 
	packets BOOLEAN NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	made_by_id INTEGER, 
	ended_at VARCHAR(27), 
	CONSTRAINT pk_recipient PRIMARY KEY (id), 
	CONSTRAINT ck_recipient_kind CHECK ("kind" IN ('person', 'mail', 'webhook')), 
	CONSTRAINT ck_recipient_person CHECK ((kind = 'person') = (person_id IS NOT NULL)), 
	CONSTRAINT ck_recipient_secret CHECK ((kind = 'webhook') = (secret IS NOT NULL)), 
	CONSTRAINT fk_recipient_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_recipient_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_recipient_team_id FOREIGN KEY(team_id) REFERENCES team (id), 
	CONSTRAINT fk_recipient_made_by_id FOREIGN KEY(made_by_id) REFERENCES person (id)
);

CREATE INDEX ix_recipient_company ON recipient (company_id, id);

CREATE TABLE "notice" (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	recipient_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	body TEXT NOT NULL, 
	state TEXT NOT NULL, 
	made_at VARCHAR(27) NOT NULL, 
	due_at VARCHAR(27), 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	tries INTEGER DEFAULT '0' NOT NULL, 
	ended_at VARCHAR(27), 
	answer TEXT DEFAULT ('') NOT NULL, 
	CONSTRAINT pk_notice PRIMARY KEY (id), 
	CONSTRAINT fk_notice_recipient_id FOREIGN KEY(recipient_id) REFERENCES recipient (id), 
	CONSTRAINT uq_notice_recipient_id_kind_key UNIQUE (recipient_id, kind, "key"), 
	CONSTRAINT fk_notice_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT ck_notice_state CHECK ("state" IN ('due', 'claimed', 'sending', 'sent', 'unknown', 'failed', 'nothing')), 
	CONSTRAINT ck_notice_kind CHECK ("kind" IN ('digest', 'urgent', 'packet', 'test', 'returned'))
);

CREATE INDEX ix_notice_due ON notice (company_id, due_at, id) WHERE due_at IS NOT NULL;

CREATE INDEX ix_notice_company ON notice (company_id, id);

CREATE TABLE release (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	route TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	cause_id INTEGER NOT NULL, 
	content_sha256 TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	person_id INTEGER, 
	reason TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, operation_id TEXT, voided_at TEXT, voided_by_id INTEGER CONSTRAINT fk_release_voided_by_id REFERENCES person (id), for_person_id INTEGER CONSTRAINT fk_release_for_person_id REFERENCES person (id), 
	CONSTRAINT pk_release PRIMARY KEY (id), 
	CONSTRAINT fk_release_cause_id FOREIGN KEY(cause_id) REFERENCES cause (id), 
	CONSTRAINT fk_release_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_release_record_id FOREIGN KEY(record_id) REFERENCES record (id)
);

CREATE INDEX ix_release_operation ON release (operation_id) WHERE operation_id IS NOT NULL;

CREATE UNIQUE INDEX uq_release_standing ON release (record_id, route, seq, code, cause_id, content_sha256) WHERE voided_at IS NULL;

CREATE INDEX ix_release_at ON release (at);

CREATE TRIGGER release_no_delete BEFORE DELETE ON release  BEGIN SELECT RAISE(ABORT, 'append-only: release'); END;

CREATE TRIGGER release_no_change BEFORE UPDATE OF id, record_id, route, seq, code, cause_id, content_sha256, rule, kind, person_id, reason, at, operation_id ON release  BEGIN SELECT RAISE(ABORT, 'append-only: release'); END;

CREATE TRIGGER release_once BEFORE UPDATE OF voided_at, voided_by_id ON release  WHEN (OLD.voided_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: release'); END;

CREATE TRIGGER release_keeps_for BEFORE UPDATE OF for_person_id ON release BEGIN SELECT RAISE(ABORT, 'append-only: release'); END;

CREATE TRIGGER release_duties BEFORE INSERT ON release WHEN NEW.kind IN ('release', 'reject') AND (EXISTS (SELECT 1 FROM posting p
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
   AND (a.person_id IN (NEW.person_id, NEW.for_person_id) OR a.for_person_id IN (NEW.person_id, NEW.for_person_id)))) BEGIN SELECT RAISE(ABORT, 'duties kept apart: release'); END;

CREATE TABLE "signal" (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	connection_id INTEGER, 
	cause_id INTEGER, 
	record_id INTEGER, 
	records INTEGER DEFAULT '0' NOT NULL, 
	money TEXT NOT NULL, 
	tried INTEGER DEFAULT '0' NOT NULL, 
	closes_on DATE, 
	opened_at VARCHAR(27) NOT NULL, 
	cleared_at VARCHAR(27), 
	CONSTRAINT pk_signal PRIMARY KEY (id), 
	CONSTRAINT fk_signal_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_signal_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_signal_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_signal_cause_id FOREIGN KEY(cause_id) REFERENCES cause (id), 
	CONSTRAINT ck_signal_kind CHECK (kind IN ('many_failures', 'authorization_lost', 'close_blocked', 'totals_differ'))
);

CREATE INDEX ix_signal_company ON signal (company_id, id);

CREATE UNIQUE INDEX uq_signal_open ON signal (company_id, kind, "key") WHERE cleared_at IS NULL;

CREATE TABLE team_member (
	team_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	CONSTRAINT pk_team_member PRIMARY KEY (team_id, person_id), 
	CONSTRAINT fk_team_member_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_team_member_team_id FOREIGN KEY(team_id) REFERENCES team (id)
);

CREATE INDEX ix_team_member_person_id ON team_member (person_id);

CREATE TABLE throttle (
	connection_id INTEGER NOT NULL, 
	tokens INTEGER NOT NULL, 
	filled_at VARCHAR(27), 
	breaker TEXT NOT NULL, 
	failures INTEGER NOT NULL, 
	open_until VARCHAR(27), 
	quota_month TEXT, 
	quota_used INTEGER NOT NULL, recent TEXT DEFAULT '' NOT NULL, opened_at VARCHAR(27), quota_limit INTEGER, clock_ahead INTEGER, clock_at VARCHAR(27), 
	CONSTRAINT pk_throttle PRIMARY KEY (connection_id), 
	CONSTRAINT ck_throttle_breaker CHECK ("breaker" IN ('closed', 'open', 'half_open')), 
	CONSTRAINT fk_throttle_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id)
);

CREATE TABLE trial_index (
	company_id INTEGER NOT NULL, 
	rules TEXT NOT NULL, 
	version_id INTEGER NOT NULL, 
	CONSTRAINT pk_trial_index PRIMARY KEY (company_id, rules), 
	CONSTRAINT fk_trial_index_company_id_company FOREIGN KEY(company_id) REFERENCES company (id)
)
 WITHOUT ROWID

;

CREATE TABLE trial_key (
	company_id INTEGER NOT NULL, 
	rules TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value TEXT NOT NULL, 
	record_id INTEGER NOT NULL, 
	CONSTRAINT pk_trial_key PRIMARY KEY (company_id, rules, name, value, record_id), 
	CONSTRAINT fk_trial_key_record_id_record FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_trial_key_company_id_company FOREIGN KEY(company_id) REFERENCES company (id)
)
 WITHOUT ROWID

;

CREATE TABLE "upload" (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	person_id INTEGER, 
	name TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	body BLOB, 
	state TEXT NOT NULL, 
	result TEXT, 
	at VARCHAR(27) NOT NULL, 
	headings TEXT DEFAULT '' NOT NULL, 
	chosen TEXT DEFAULT '{}' NOT NULL, 
	outcome TEXT DEFAULT '{}' NOT NULL, 
	taken INTEGER DEFAULT '0' NOT NULL, 
	total INTEGER DEFAULT '0' NOT NULL, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	crashes INTEGER DEFAULT '0' NOT NULL, 
	confirmed_at VARCHAR(27), 
	ended_at VARCHAR(27), 
	expires_at VARCHAR(27), 
	due_at VARCHAR(27), 
	lease_until VARCHAR(27), 
	lease_owner TEXT, 
	with_unknown BOOLEAN DEFAULT 0 NOT NULL, kind TEXT DEFAULT 'order' NOT NULL, 
	CONSTRAINT pk_upload PRIMARY KEY (id), 
	CONSTRAINT fk_upload_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_upload_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_upload_source_id FOREIGN KEY(source_id) REFERENCES connection (id), 
	CONSTRAINT ck_upload_state CHECK ("state" IN ('checking', 'checked', 'importing', 'done', 'failed'))
);

CREATE INDEX ix_upload_sha256 ON upload (company_id, sha256);

CREATE INDEX ix_upload_due ON upload (company_id, due_at, id) WHERE due_at IS NOT NULL;

CREATE INDEX ix_upload_expires ON upload (expires_at);

CREATE TABLE delivery (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	headers TEXT NOT NULL, 
	body BLOB, 
	received_at VARCHAR(27) NOT NULL, 
	times INTEGER NOT NULL, 
	error TEXT, 
	upload_id INTEGER, 
	due_at VARCHAR(27), 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	fence INTEGER DEFAULT '0' NOT NULL, 
	crashes INTEGER DEFAULT '0' NOT NULL, signature TEXT, 
	CONSTRAINT pk_delivery PRIMARY KEY (id), 
	CONSTRAINT fk_delivery_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_delivery_source_id FOREIGN KEY(source_id) REFERENCES connection (id), 
	CONSTRAINT fk_delivery_upload_id FOREIGN KEY(upload_id) REFERENCES upload (id), 
	CONSTRAINT uq_delivery_source_id_key UNIQUE (source_id, "key")
);

CREATE INDEX ix_delivery_due ON delivery (company_id, due_at, id) WHERE due_at IS NOT NULL;

CREATE INDEX ix_delivery_lease ON delivery (lease_until) WHERE lease_until IS NOT NULL;

CREATE INDEX ix_delivery_sha256 ON delivery (source_id, sha256);

CREATE UNIQUE INDEX uq_delivery_signature ON delivery (source_id, signature) WHERE signature IS NOT NULL;

CREATE INDEX ix_delivery_source ON delivery (source_id, id);

CREATE TABLE use_mark (
	posting_id INTEGER NOT NULL, 
	CONSTRAINT pk_use_mark PRIMARY KEY (posting_id)
);

CREATE TABLE version (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	body TEXT, 
	stamp TEXT, 
	stale BOOLEAN NOT NULL, 
	status TEXT NOT NULL, 
	delivery_id INTEGER, 
	corrects_id INTEGER, 
	person_id INTEGER, 
	reason TEXT, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_version PRIMARY KEY (id), 
	CONSTRAINT fk_version_corrects_id FOREIGN KEY(corrects_id) REFERENCES version (id), 
	CONSTRAINT fk_version_delivery_id FOREIGN KEY(delivery_id) REFERENCES delivery (id), 
	CONSTRAINT fk_version_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_version_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT uq_version_record_id_no UNIQUE (record_id, no)
);

CREATE INDEX ix_version_delivery_id ON version (delivery_id);

CREATE UNIQUE INDEX uq_version_stamp ON version (record_id, stamp, sha256) WHERE stamp IS NOT NULL AND corrects_id IS NULL;

CREATE INDEX ix_version_corrects ON version (at) WHERE corrects_id IS NOT NULL;

CREATE TRIGGER version_no_delete BEFORE DELETE ON version  BEGIN SELECT RAISE(ABORT, 'append-only: version'); END;

CREATE TRIGGER version_no_change BEFORE UPDATE OF id, record_id, no, sha256, stamp, stale, status, delivery_id, corrects_id, person_id, reason, at ON version  BEGIN SELECT RAISE(ABORT, 'append-only: version'); END;

CREATE TRIGGER version_once BEFORE UPDATE OF body ON version  WHEN (NEW.body IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: version'); END;

CREATE TABLE evaluation (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	version_id INTEGER NOT NULL, 
	ruleset_version_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	facts TEXT, 
	outcome TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	valid_until VARCHAR(27), 
	fence INTEGER NOT NULL, 
	run_id INTEGER, digest INTEGER DEFAULT '1' NOT NULL, 
	CONSTRAINT pk_evaluation PRIMARY KEY (id), 
	CONSTRAINT fk_evaluation_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_evaluation_ruleset_version_id FOREIGN KEY(ruleset_version_id) REFERENCES ruleset_version (id), 
	CONSTRAINT fk_evaluation_run_id FOREIGN KEY(run_id) REFERENCES run (id), 
	CONSTRAINT fk_evaluation_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
	CONSTRAINT uq_evaluation_record_id_fence UNIQUE (record_id, fence)
);

CREATE TRIGGER evaluation_no_delete BEFORE DELETE ON evaluation  BEGIN SELECT RAISE(ABORT, 'append-only: evaluation'); END;

CREATE TRIGGER evaluation_once BEFORE UPDATE OF facts ON evaluation  WHEN (NEW.facts IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: evaluation'); END;

CREATE TRIGGER evaluation_no_change BEFORE UPDATE OF id, record_id, version_id, ruleset_version_id, revision, at, outcome, hash, valid_until, fence, run_id, digest ON evaluation BEGIN SELECT RAISE(ABORT, 'append-only: evaluation'); END;

CREATE TABLE posting (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	family INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	route TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	doc_type TEXT NOT NULL, 
	number TEXT NOT NULL, 
	state TEXT NOT NULL, 
	action TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	content TEXT, 
	reason TEXT NOT NULL, 
	version_id INTEGER NOT NULL, 
	evaluation_id INTEGER NOT NULL, 
	revision INTEGER NOT NULL, 
	amount INTEGER, 
	currency TEXT NOT NULL, 
	book INTEGER, 
	doc_date DATE, 
	party TEXT NOT NULL, 
	reverses_id INTEGER, 
	push_id INTEGER, 
	posted_push_id INTEGER, 
	target_ref TEXT, 
	sent_at VARCHAR(27), 
	posted_at VARCHAR(27), 
	read_at VARCHAR(27), 
	tries INTEGER DEFAULT '0' NOT NULL, 
	waits TEXT, 
	lock INTEGER DEFAULT '0' NOT NULL, 
	due_at VARCHAR(27), 
	lease_owner TEXT, 
	lease_until VARCHAR(27), 
	fence INTEGER DEFAULT '0' NOT NULL, 
	crashes INTEGER DEFAULT '0' NOT NULL, finished_at VARCHAR(27), bills TEXT, read_due_at VARCHAR(27), reading_id INTEGER, e_invoice_at VARCHAR(27), withdrawn BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_posting PRIMARY KEY (id), 
	CONSTRAINT ck_posting_action CHECK ("action" IN ('create', 'update', 'void')), 
	CONSTRAINT ck_posting_state CHECK ("state" IN ('waiting', 'held', 'ignored', 'dropped', 'ready', 'sending', 'awaiting', 'uncertain', 'failed', 'posted', 'reversed')), 
	CONSTRAINT fk_posting_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_posting_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_posting_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluation (id), 
	CONSTRAINT fk_posting_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_posting_reverses_id FOREIGN KEY(reverses_id) REFERENCES posting (id), 
	CONSTRAINT fk_posting_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
	CONSTRAINT uq_posting_record_id_route_seq UNIQUE (record_id, route, seq)
);

CREATE INDEX ix_posting_day ON posting (company_id, connection_id, doc_type, doc_date);

CREATE INDEX ix_posting_due ON posting (connection_id, due_at, id) WHERE due_at IS NOT NULL AND lease_until IS NULL;

CREATE INDEX ix_posting_lease ON posting (lease_until) WHERE lease_until IS NOT NULL;

CREATE INDEX ix_posting_number ON posting (company_id, number);

CREATE INDEX ix_posting_open ON posting (company_id, state, connection_id, doc_type, doc_date) WHERE state NOT IN ('posted', 'reversed', 'dropped', 'ignored');

CREATE INDEX ix_posting_reverses ON posting (reverses_id);

CREATE UNIQUE INDEX uq_posting_sent ON posting (connection_id, doc_type, number) WHERE sent_at IS NOT NULL;

CREATE INDEX ix_posting_read ON posting (connection_id, read_due_at, id) WHERE state = 'posted' AND read_due_at IS NOT NULL;

CREATE INDEX ix_posting_left_out ON posting (company_id, id) WHERE state IN ('ignored', 'dropped');

CREATE INDEX ix_posting_standing ON posting (connection_id, doc_type, state, currency, book, amount) WHERE state NOT IN ('posted', 'reversed', 'dropped', 'ignored');

CREATE INDEX ix_posting_booked ON posting (connection_id, doc_date, doc_type, state, currency, book, amount, action) WHERE state IN ('posted', 'reversed');

CREATE INDEX ix_posting_late ON posting (company_id, finished_at, id, state) WHERE finished_at IS NOT NULL AND state NOT IN ('posted', 'reversed', 'dropped', 'ignored');

CREATE INDEX ix_posting_posted ON posting (connection_id, posted_at, route, book) WHERE posted_at IS NOT NULL;

CREATE INDEX ix_posting_party ON posting (company_id, party, connection_id, doc_type, doc_date, currency, book, amount) WHERE state = 'posted';

CREATE INDEX ix_posting_ref ON posting (company_id, target_ref) WHERE target_ref IS NOT NULL;

CREATE INDEX ix_posting_part ON posting (record_id, route, seq) WHERE seq <> 1;

CREATE TRIGGER posting_moves BEFORE UPDATE OF state ON posting  WHEN (OLD.state <> NEW.state AND NOT CASE OLD.state WHEN 'waiting' THEN ' waiting held ignored dropped ready ' LIKE '% ' || NEW.state || ' %' WHEN 'held' THEN ' waiting held ignored dropped ready posted ' LIKE '% ' || NEW.state || ' %' WHEN 'ignored' THEN ' waiting held ignored dropped ready ' LIKE '% ' || NEW.state || ' %' WHEN 'dropped' THEN ' waiting held ignored dropped ready ' LIKE '% ' || NEW.state || ' %' WHEN 'ready' THEN ' waiting held ignored dropped ready sending failed ' LIKE '% ' || NEW.state || ' %' WHEN 'sending' THEN ' posted reversed failed ready awaiting uncertain ' LIKE '% ' || NEW.state || ' %' WHEN 'awaiting' THEN ' posted reversed failed ready uncertain ' LIKE '% ' || NEW.state || ' %' WHEN 'uncertain' THEN ' posted reversed failed ready sending awaiting ' LIKE '% ' || NEW.state || ' %' WHEN 'failed' THEN ' waiting held ignored dropped ready posted ' LIKE '% ' || NEW.state || ' %' WHEN 'posted' THEN ' sending reversed ' LIKE '% ' || NEW.state || ' %' ELSE FALSE END) BEGIN SELECT RAISE(ABORT, 'a posting never makes this move'); END;

CREATE TRIGGER posting_tally_update AFTER UPDATE OF state ON posting  WHEN ((OLD.state = 'failed') <> (NEW.state = 'failed')) BEGIN INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id); END;

CREATE TABLE approval (
	id INTEGER NOT NULL, 
	posting_id INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	content TEXT NOT NULL, 
	level TEXT NOT NULL, 
	person_id INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	operation_id TEXT, 
	voided_at VARCHAR(27), 
	voided_by_id INTEGER, 
	voided_fields TEXT, for_person_id INTEGER CONSTRAINT fk_approval_for_person_id REFERENCES person (id), 
	CONSTRAINT pk_approval PRIMARY KEY (id), 
	CONSTRAINT fk_approval_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_approval_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id), 
	CONSTRAINT fk_approval_voided_by_id FOREIGN KEY(voided_by_id) REFERENCES person (id)
);

CREATE INDEX ix_approval_operation ON approval (operation_id);

CREATE INDEX ix_approval_posting ON approval (posting_id);

CREATE UNIQUE INDEX uq_approval_standing ON approval (posting_id, level) WHERE voided_at IS NULL;

CREATE TRIGGER approval_no_delete BEFORE DELETE ON approval  BEGIN SELECT RAISE(ABORT, 'append-only: approval'); END;

CREATE TRIGGER approval_no_change BEFORE UPDATE OF id, posting_id, hash, content, level, person_id, reason, at, operation_id ON approval  BEGIN SELECT RAISE(ABORT, 'append-only: approval'); END;

CREATE TRIGGER approval_once BEFORE UPDATE OF voided_at, voided_by_id, voided_fields ON approval  WHEN (OLD.voided_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'append-only: approval'); END;

CREATE TRIGGER approval_duties BEFORE INSERT ON approval WHEN EXISTS (SELECT 1 FROM posting p
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
)) BEGIN SELECT RAISE(ABORT, 'duties kept apart: approval'); END;

CREATE TRIGGER approval_keeps_for BEFORE UPDATE OF for_person_id ON approval BEGIN SELECT RAISE(ABORT, 'append-only: approval'); END;

CREATE TRIGGER approval_dating BEFORE INSERT ON approval WHEN EXISTS (SELECT 1 FROM posting p JOIN dating d
 ON d.record_id = p.record_id AND d.route = p.route AND d.voided_at IS NULL
 WHERE p.id = NEW.posting_id AND d.person_id IN (NEW.person_id, NEW.for_person_id)) BEGIN SELECT RAISE(ABORT, 'duties kept apart: approval'); END;

CREATE TABLE event (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	person_id INTEGER, 
	actor TEXT NOT NULL, 
	act TEXT NOT NULL, 
	record_id INTEGER, 
	posting_id INTEGER, 
	object TEXT, 
	fence INTEGER, 
	body TEXT NOT NULL, 
	operation_id TEXT, 
	CONSTRAINT pk_event PRIMARY KEY (id), 
	CONSTRAINT fk_event_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_event_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_event_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id), 
	CONSTRAINT fk_event_record_id FOREIGN KEY(record_id) REFERENCES record (id)
);

CREATE INDEX ix_event_company ON event (company_id, id);

CREATE INDEX ix_event_record ON event (record_id, id);

CREATE INDEX ix_event_at ON event (company_id, at, id);

CREATE INDEX ix_event_person ON event (company_id, person_id, at, id) WHERE person_id IS NOT NULL;

CREATE INDEX ix_event_wide ON event (company_id, at, id) WHERE record_id IS NULL;

CREATE TRIGGER event_no_delete BEFORE DELETE ON event  BEGIN SELECT RAISE(ABORT, 'append-only: event'); END;

CREATE TRIGGER event_no_change BEFORE UPDATE OF id, company_id, at, person_id, actor, act, record_id, posting_id, object, fence, body, operation_id ON event  BEGIN SELECT RAISE(ABORT, 'append-only: event'); END;

CREATE TABLE event_link (
	company_id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	event_id INTEGER NOT NULL, 
	hash TEXT NOT NULL, 
	CONSTRAINT pk_event_link PRIMARY KEY (company_id, seq), 
	CONSTRAINT fk_event_link_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_event_link_event_id FOREIGN KEY(event_id) REFERENCES event (id), 
	CONSTRAINT uq_event_link_event_id UNIQUE (event_id)
);

CREATE TRIGGER event_link_no_delete BEFORE DELETE ON event_link  BEGIN SELECT RAISE(ABORT, 'append-only: event_link'); END;

CREATE TRIGGER event_link_no_change BEFORE UPDATE OF company_id, seq, event_id, hash ON event_link  BEGIN SELECT RAISE(ABORT, 'append-only: event_link'); END;

CREATE TABLE hold (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	posting_id INTEGER, 
	route TEXT NOT NULL, 
	seq INTEGER NOT NULL, 
	code TEXT NOT NULL, 
	cause_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	class TEXT NOT NULL, 
	severity TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	at_rule TEXT NOT NULL, 
	message TEXT NOT NULL, 
	would_pass TEXT NOT NULL, 
	clears TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	team_id INTEGER, 
	person_id INTEGER, 
	answer_by VARCHAR(27) NOT NULL, 
	snoozed_until VARCHAR(27), 
	opened_at VARCHAR(27) NOT NULL, 
	closed_at VARCHAR(27), 
	closed_by_id INTEGER, 
	closed_why TEXT, 
	opened_evaluation_id INTEGER, 
	closed_evaluation_id INTEGER, 
	lock INTEGER NOT NULL, 
	book INTEGER, 
	number TEXT NOT NULL, 
	party_key TEXT NOT NULL, 
	doc_type TEXT NOT NULL, 
	doc_date DATE, 
	connection_id INTEGER, 
	CONSTRAINT pk_hold PRIMARY KEY (id), 
	CONSTRAINT ck_hold_state CHECK ("state" IN ('open', 'cleared', 'released', 'approved')), 
	CONSTRAINT fk_hold_cause_id FOREIGN KEY(cause_id) REFERENCES cause (id), 
	CONSTRAINT fk_hold_closed_by_id FOREIGN KEY(closed_by_id) REFERENCES person (id), 
	CONSTRAINT fk_hold_closed_evaluation_id FOREIGN KEY(closed_evaluation_id) REFERENCES evaluation (id), 
	CONSTRAINT fk_hold_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_hold_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_hold_opened_evaluation_id FOREIGN KEY(opened_evaluation_id) REFERENCES evaluation (id), 
	CONSTRAINT fk_hold_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_hold_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id), 
	CONSTRAINT fk_hold_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_hold_team_id FOREIGN KEY(team_id) REFERENCES team (id)
);

CREATE INDEX ix_hold_book ON hold (company_id, book, id) WHERE state = 'open';

CREATE INDEX ix_hold_cause ON hold (cause_id, opened_at, id) WHERE state = 'open';

CREATE INDEX ix_hold_closed ON hold (company_id, closed_at, id) WHERE state <> 'open';

CREATE INDEX ix_hold_party ON hold (company_id, party_key, opened_at, id) WHERE state = 'open';

CREATE INDEX ix_hold_person ON hold (company_id, person_id, opened_at, id) WHERE state = 'open';

CREATE INDEX ix_hold_posting_id ON hold (posting_id);

CREATE INDEX ix_hold_record ON hold (record_id);

CREATE INDEX ix_hold_snoozed ON hold (snoozed_until) WHERE snoozed_until IS NOT NULL;

CREATE UNIQUE INDEX uq_hold_open ON hold (record_id, route, seq, code, cause_id) WHERE state = 'open';

CREATE INDEX ix_hold_waits ON hold (company_id, record_id) WHERE state = 'open';

CREATE INDEX ix_hold_team ON hold (company_id, team_id, person_id, opened_at) WHERE state = 'open';

CREATE INDEX ix_hold_code ON hold (company_id, code, id, posting_id) WHERE state = 'open';

CREATE INDEX ix_hold_answer ON hold (company_id, answer_by) WHERE state = 'open';

CREATE INDEX ix_hold_age ON hold (company_id, opened_at, id, number, party_key, cause_id, snoozed_until) WHERE state = 'open';

CREATE INDEX ix_hold_listed ON hold (cause_id, id) WHERE state = 'open';

CREATE INDEX ix_hold_rule ON hold (company_id, rule, opened_at, id) WHERE state = 'open';

CREATE TRIGGER hold_owner_new BEFORE INSERT ON hold WHEN NEW.state = 'open' AND NEW.team_id IS NULL BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: ck_hold_owner'); END;

CREATE TRIGGER hold_owner_kept BEFORE UPDATE OF state, team_id ON hold WHEN NEW.state = 'open' AND NEW.team_id IS NULL BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: ck_hold_owner'); END;

CREATE TRIGGER hold_moves BEFORE UPDATE OF state ON hold  WHEN (OLD.state <> NEW.state AND NOT CASE OLD.state WHEN 'open' THEN ' cleared released approved ' LIKE '% ' || NEW.state || ' %' ELSE FALSE END) BEGIN SELECT RAISE(ABORT, 'a hold never makes this move'); END;

CREATE TRIGGER hold_tally_insert AFTER INSERT  ON hold   BEGIN INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id); END;

CREATE TRIGGER hold_tally_delete AFTER DELETE  ON hold   BEGIN INSERT INTO tally_mark (company_id, record_id) VALUES (OLD.company_id, OLD.record_id); END;

CREATE TRIGGER hold_tally_update AFTER UPDATE OF state, cause_id, "class", team_id, person_id, snoozed_until, code, book, record_id, opened_at, answer_by, posting_id, connection_id ON hold  WHEN (OLD.state IS NOT NEW.state OR OLD.cause_id IS NOT NEW.cause_id OR OLD."class" IS NOT NEW."class" OR OLD.team_id IS NOT NEW.team_id OR OLD.person_id IS NOT NEW.person_id OR OLD.snoozed_until IS NOT NEW.snoozed_until OR OLD.code IS NOT NEW.code OR OLD.book IS NOT NEW.book OR OLD.record_id IS NOT NEW.record_id OR OLD.opened_at IS NOT NEW.opened_at OR OLD.answer_by IS NOT NEW.answer_by OR OLD.posting_id IS NOT NEW.posting_id OR OLD.connection_id IS NOT NEW.connection_id) BEGIN INSERT INTO tally_mark (company_id, record_id) VALUES (NEW.company_id, NEW.record_id); END;

CREATE TABLE note (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	hold_id INTEGER, 
	person_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	body TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_note PRIMARY KEY (id), 
	CONSTRAINT ck_note_kind CHECK ("kind" IN ('note', 'conclusion', 'escalation')), 
	CONSTRAINT fk_note_hold_id FOREIGN KEY(hold_id) REFERENCES hold (id), 
	CONSTRAINT fk_note_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
	CONSTRAINT fk_note_record_id FOREIGN KEY(record_id) REFERENCES record (id)
);

CREATE INDEX ix_note_record ON note (record_id, id);

CREATE TRIGGER note_no_delete BEFORE DELETE ON note  BEGIN SELECT RAISE(ABORT, 'append-only: note'); END;

CREATE TRIGGER note_no_change BEFORE UPDATE OF id, record_id, hold_id, person_id, kind, body, at ON note  BEGIN SELECT RAISE(ABORT, 'append-only: note'); END;

CREATE TABLE push (
	id INTEGER NOT NULL, 
	posting_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	connection_id INTEGER NOT NULL, 
	family INTEGER NOT NULL, 
	action TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	number TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	content TEXT NOT NULL, 
	trace BLOB, 
	evaluation_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	target_ref TEXT, 
	error_class TEXT, 
	error TEXT, 
	made_at VARCHAR(27) NOT NULL, 
	closed_at VARCHAR(27), kept INTEGER, 
	CONSTRAINT pk_push PRIMARY KEY (id), 
	CONSTRAINT ck_push_action CHECK ("action" IN ('create', 'update', 'void')), 
	CONSTRAINT ck_push_state CHECK ("state" IN ('intent', 'sending', 'awaiting', 'uncertain', 'accepted', 'refused', 'conflict', 'dropped')), 
	CONSTRAINT fk_push_connection_id FOREIGN KEY(connection_id) REFERENCES connection (id), 
	CONSTRAINT fk_push_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluation (id), 
	CONSTRAINT fk_push_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id), 
	CONSTRAINT uq_push_connection_id_key UNIQUE (connection_id, "key"), 
	CONSTRAINT uq_push_posting_id_no UNIQUE (posting_id, no)
);

CREATE UNIQUE INDEX uq_push_effect ON push (posting_id) WHERE action = 'create' AND state IN ('intent', 'sending', 'awaiting', 'uncertain', 'accepted');

CREATE UNIQUE INDEX uq_push_family ON push (connection_id, family) WHERE state IN ('intent', 'sending', 'awaiting', 'uncertain');

CREATE INDEX ix_push_newest ON push (connection_id, state, id);

CREATE TRIGGER push_moves BEFORE UPDATE OF state ON push  WHEN (OLD.state <> NEW.state AND NOT CASE OLD.state WHEN 'intent' THEN ' sending awaiting uncertain accepted refused dropped ' LIKE '% ' || NEW.state || ' %' WHEN 'sending' THEN ' awaiting uncertain accepted refused conflict intent ' LIKE '% ' || NEW.state || ' %' WHEN 'awaiting' THEN ' uncertain accepted refused conflict ' LIKE '% ' || NEW.state || ' %' WHEN 'uncertain' THEN ' sending awaiting accepted refused conflict intent ' LIKE '% ' || NEW.state || ' %' WHEN 'conflict' THEN ' accepted dropped ' LIKE '% ' || NEW.state || ' %' ELSE FALSE END) BEGIN SELECT RAISE(ABORT, 'a push never makes this move'); END;

CREATE TABLE accepted_difference (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	release_id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	posting_id INTEGER NOT NULL, 
	push_id INTEGER NOT NULL, 
	version_no INTEGER NOT NULL, 
	posted INTEGER, 
	wanted INTEGER, 
	CONSTRAINT pk_accepted_difference PRIMARY KEY (id), 
	CONSTRAINT fk_accepted_difference_company_id FOREIGN KEY(company_id) REFERENCES company (id), 
	CONSTRAINT fk_accepted_difference_release_id FOREIGN KEY(release_id) REFERENCES release (id), 
	CONSTRAINT fk_accepted_difference_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_accepted_difference_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id), 
	CONSTRAINT fk_accepted_difference_push_id FOREIGN KEY(push_id) REFERENCES push (id), 
	CONSTRAINT uq_accepted_difference_release_id_posting_id UNIQUE (release_id, posting_id)
);

CREATE INDEX ix_accepted_difference_company ON accepted_difference (company_id, id);

CREATE INDEX ix_accepted_difference_record ON accepted_difference (record_id, id);

CREATE TRIGGER accepted_difference_no_delete BEFORE DELETE ON accepted_difference  BEGIN SELECT RAISE(ABORT, 'append-only: accepted_difference'); END;

CREATE TRIGGER accepted_difference_no_change BEFORE UPDATE OF id, company_id, release_id, record_id, posting_id, push_id, version_no, posted, wanted ON accepted_difference  BEGIN SELECT RAISE(ABORT, 'append-only: accepted_difference'); END;

CREATE TABLE attempt (
	id INTEGER NOT NULL, 
	request_id INTEGER NOT NULL, 
	push_id INTEGER NOT NULL, 
	no INTEGER NOT NULL, 
	"row" INTEGER, 
	fence INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	error_class TEXT, 
	error TEXT, 
	target_ref TEXT, 
	proof TEXT, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_attempt PRIMARY KEY (id), 
	CONSTRAINT fk_attempt_push_id FOREIGN KEY(push_id) REFERENCES push (id), 
	CONSTRAINT fk_attempt_request_id FOREIGN KEY(request_id) REFERENCES request (id), 
	CONSTRAINT uq_attempt_push_id_no UNIQUE (push_id, no), 
	CONSTRAINT uq_attempt_request_id_push_id UNIQUE (request_id, push_id)
);

CREATE TRIGGER attempt_no_delete BEFORE DELETE ON attempt  BEGIN SELECT RAISE(ABORT, 'append-only: attempt'); END;

CREATE TRIGGER attempt_no_change BEFORE UPDATE OF id, request_id, push_id, no, row, fence, at ON attempt  BEGIN SELECT RAISE(ABORT, 'append-only: attempt'); END;

CREATE TABLE posting_line (
	push_id INTEGER NOT NULL, 
	line_key TEXT NOT NULL, 
	base_qty TEXT NOT NULL, 
	amount INTEGER NOT NULL, 
	CONSTRAINT pk_posting_line PRIMARY KEY (push_id, line_key), 
	CONSTRAINT fk_posting_line_push_id FOREIGN KEY(push_id) REFERENCES push (id)
);

CREATE TRIGGER posting_line_no_delete BEFORE DELETE ON posting_line  BEGIN SELECT RAISE(ABORT, 'append-only: posting_line'); END;

CREATE TRIGGER posting_line_no_change BEFORE UPDATE OF push_id, line_key, base_qty, amount ON posting_line  BEGIN SELECT RAISE(ABORT, 'append-only: posting_line'); END;

CREATE TABLE reading (
	id INTEGER NOT NULL, 
	posting_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	sha256 TEXT NOT NULL, 
	body TEXT NOT NULL, 
	same BOOLEAN NOT NULL, 
	CONSTRAINT pk_reading PRIMARY KEY (id), 
	CONSTRAINT ck_reading_ck_reading_kind CHECK (kind IN ('standing', 'alike')), 
	CONSTRAINT fk_reading_posting_id FOREIGN KEY(posting_id) REFERENCES posting (id)
);

CREATE INDEX ix_reading_posting ON reading (posting_id, id);

CREATE TRIGGER reading_no_delete BEFORE DELETE ON reading  BEGIN SELECT RAISE(ABORT, 'append-only: reading'); END;

CREATE TRIGGER reading_no_change BEFORE UPDATE OF id, posting_id, kind, at, sha256, body, same ON reading  BEGIN SELECT RAISE(ABORT, 'append-only: reading'); END;

CREATE TABLE retry (
	id INTEGER NOT NULL, 
	record_id INTEGER NOT NULL, 
	hold_id INTEGER NOT NULL, 
	cause_id INTEGER NOT NULL, 
	person_id INTEGER NOT NULL, 
	content_sha256 TEXT NOT NULL, 
	at VARCHAR(27) NOT NULL, 
	CONSTRAINT pk_retry PRIMARY KEY (id), 
	CONSTRAINT fk_retry_record_id FOREIGN KEY(record_id) REFERENCES record (id), 
	CONSTRAINT fk_retry_hold_id FOREIGN KEY(hold_id) REFERENCES hold (id), 
	CONSTRAINT fk_retry_cause_id FOREIGN KEY(cause_id) REFERENCES cause (id), 
	CONSTRAINT fk_retry_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE INDEX ix_retry_record ON retry (record_id, id);

CREATE TRIGGER retry_no_delete BEFORE DELETE ON retry  BEGIN SELECT RAISE(ABORT, 'append-only: retry'); END;

CREATE TRIGGER retry_no_change BEFORE UPDATE OF id, record_id, hold_id, cause_id, person_id, content_sha256, at ON retry  BEGIN SELECT RAISE(ABORT, 'append-only: retry'); END;

CREATE TABLE wake_mark (
	id INTEGER NOT NULL, 
	company_id INTEGER NOT NULL, 
	cause_id INTEGER, 
	entry_id INTEGER, 
	below INTEGER NOT NULL, 
	told TEXT NOT NULL, 
	CONSTRAINT pk_wake_mark PRIMARY KEY (id), 
	CONSTRAINT fk_wake_mark_company_id FOREIGN KEY(company_id) REFERENCES company (id)
);

CREATE INDEX ix_wake_mark_company ON wake_mark (company_id, entry_id);
