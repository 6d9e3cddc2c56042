-- A schema that is hard to fill: rings, trees, keys of several columns that share one, join tables, partitions,
-- domains, CHECKs over several columns, expressions in unique indexes, computed columns, reserved names.
create extension if not exists vector;
create extension if not exists citext;
create type size as enum ('s', 'm', 'l');
create domain email_address as citext check (value ~ '^[^@ ]+@[^@ ]+\.[^@ ]+$');
create domain country_code as char(2) not null check (value ~ '^[A-Z]{2}$');

create table tenants (id uuid primary key, name text not null unique, country country_code);
create table people (
    tenant_id uuid not null references tenants,
    id bigint generated always as identity,
    email email_address not null,
    first_name varchar(12) not null,
    last_name varchar(12) not null,
    phone varchar(20) unique,
    iban text,
    born date not null check (born < '2010-01-01'),
    full_name text generated always as (first_name || ' ' || last_name) stored,
    boss bigint,
    preferences jsonb not null default '{}',
    tags text[] not null,
    embedding vector(8) not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, id),
    unique (id),
    foreign key (boss) references people (id)
);
create unique index on people (lower(email::text));
create table projects (
    tenant_id uuid not null references tenants,
    id int not null,
    code text not null unique check (code ~ '^[A-Z]{3}-[0-9]{4}$'),
    "order" size not null,
    least int not null, most int not null, check (least < most and most between 10 and 500),
    primary key (tenant_id, id)
);
-- Two keys that share a column.
create table members (
    tenant_id uuid not null, person_id bigint not null, project_id int not null, role text not null check (role in ('lead', 'guest')),
    primary key (tenant_id, person_id, project_id),
    foreign key (tenant_id, person_id) references people (tenant_id, id),
    foreign key (tenant_id, project_id) references projects (tenant_id, id)
);
-- One to one, and a ring.
create table profiles (person_id bigint primary key references people (id), bio text, avatar_url text, lat numeric(8, 5), lon numeric(8, 5));
create table heads (id int primary key, hand_id int not null, name text);
create table hands (id int primary key, head_id int not null references heads);
alter table heads add foreign key (hand_id) references hands;
create table visits (id bigint not null, at date not null, person_id bigint references people (id), note varchar(40), price numeric(6, 2) not null check (price > 0), primary key (id, at)) partition by range (at);
create table visits_2023 partition of visits for values from ('2023-01-01') to ('2024-01-01');
create table visits_2024 partition of visits for values from ('2024-01-01') to ('2025-01-01');
create table all_types (a smallint, b real, c double precision, d bytea, e inet, f cidr, g macaddr, h bit(5), i varbit(9), j interval, k time, l timetz, m int4range, n daterange, o point, p money, q json, r xml, s tsvector, t "char", u name, v size[], w timestamp, x boolean, y numeric);
