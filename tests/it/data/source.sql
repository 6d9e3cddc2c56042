-- A source with everything that has broken somebody's anonymiser: reserved names, cyclic and self references,
-- partitions, generated and identity columns, domains, enums, addresses inside documents, arrays and prose.
create extension if not exists vector;
create extension if not exists citext;
create extension if not exists hstore;
create type mood as enum ('calm', 'worried');
create domain email_address as citext check (value ~ '^[^@ ]+@[^@ ]+\.[^@ ]+$');
create domain percentage as numeric(5, 2) check (value between 0 and 100);

create table users (
    id bigint generated always as identity primary key,
    email email_address not null unique,
    first_name text not null,
    last_name varchar(30) not null,
    full_name text generated always as (first_name || ' ' || last_name) stored,
    phone varchar(24),
    iban text,
    card_number text,
    born date not null,
    mood mood not null default 'calm',
    share percentage,
    salary numeric(10, 2),
    api_token text,
    home_ip inet,
    "group" text not null default 'a',
    preferences jsonb not null default '{}',
    other_emails text[],
    photo bytea,
    boss bigint references users,
    created_at timestamptz not null default now()
);
create unique index on users (lower(email::text));
comment on table users is 'ask comment.person@secret-clinic.de';

create table "order" (
    id serial primary key,
    user_id bigint not null references users on delete cascade,
    "select" uuid not null unique default gen_random_uuid(),
    note text,
    amount int not null check (amount between 1 and 1000),
    placed timestamp not null,
    embedding vector(4),
    "two words" text
);
create index on "order" (user_id, placed);

-- A ring.
create table heads (id int primary key, hand_id int not null, name text, marks hstore, paper xml, told tsvector,
    found tsvector generated always as (to_tsvector('simple', coalesce(name, ''))) stored);
create table hands (id int primary key, head_id int not null references heads, owner_name text);
alter table heads add foreign key (hand_id) references hands deferrable initially deferred;

create table visits (id bigint not null, at date not null, patient_name text, diagnosis text, primary key (id, at)) partition by range (at);
create table visits_2023 partition of visits for values from ('2023-01-01') to ('2024-01-01');
create table visits_2024 partition of visits for values from ('2024-01-01') to ('2025-01-01');

create view worried as select id, email from users where mood = 'worried';
create materialized view per_user as select user_id, count(*) as orders from "order" group by user_id;

insert into users (email, first_name, last_name, phone, iban, card_number, born, mood, share, salary, api_token, home_ip, preferences, other_emails, photo, boss)
select 'person' || i || '@secret-clinic.de', (array['Anneliese', 'Gottfried', 'Kunigunde'])[1 + i % 3], 'Musterfrau' || i,
       '+49 170 ' || (1000000 + i * 7919), 'DE' || lpad((98 - (('370400440532' || lpad(i::text, 6, '0') || '131400')::numeric % 97))::text, 2, '0') || '370400440532' || lpad(i::text, 6, '0'),
       '4111 1111 1111 ' || lpad(i::text, 4, '0'),
       date '1950-01-01' + i * 13, case when i % 5 = 0 then 'worried'::mood else 'calm' end, i % 100, 1000 + i, 'livesecret_' || md5(i::text), ('81.2.' || i % 250 || '.7')::inet,
       jsonb_build_object('contact', jsonb_build_object('email', 'person' || i || '@secret-clinic.de', 'ok', true), 'tags', jsonb_build_array('x' || i),
                          'seen', jsonb_build_object('other' || i || '@secret-clinic.de', jsonb_build_object('count', i))),
       array['alias' || i || '@secret-clinic.de', null], decode(md5('photo' || i), 'hex'), case when i > 3 then 1 + i % 3 end
  from generate_series(1, 300) i;
insert into "order" (user_id, note, amount, placed, embedding, "two words")
select 1 + i % 300, 'Please call person' || (1 + i % 300) || '@secret-clinic.de about the results of Monday', 1 + i % 1000,
       timestamp '2024-03-01 10:00' + i * interval '1 hour', array[i % 7, i % 3, 1, 0.5]::real[]::vector, E'tab\there \\ and\nline'
  from generate_series(1, 900) i;
begin;
insert into heads values
    (1, 1, 'Rosalinde Hohenfels', 'mail => person1@secret-clinic.de, none => NULL', '<visit of="Rosalinde Hohenfels"><said>no &amp; <b>Hohenfels</b></said></visit>'),
    (2, 2, 'Xaver Hohenfels', '"full name" => "Xaver \"Hohenfels\""', null);
update heads set told = setweight(to_tsvector('simple', 'Rosalinde asked person1@secret-clinic.de, o''Hohenfels'), 'B') where id = 1;
insert into hands values (1, 2, 'Rosalinde Hohenfels'), (2, 1, 'Xaver Hohenfels');
commit;
insert into visits select i, date '2023-06-01' + i, 'Kunigunde Musterfrau' || i, 'chronic condition of person number ' || i from generate_series(1, 400) i;
select setval('order_id_seq', 987654);
refresh materialized view per_user;
-- Dead tuples and statistics hold what was there before.
update users set email = 'new' || email where id % 2 = 0;
analyze;
do $$ begin execute 'create table wide (' || (select string_agg('c' || i || ' text', ', ') from generate_series(1, 1600) i) || ')'; end $$;
insert into wide (c1, c800, c1600) values ('wide.person@secret-clinic.de', 'b', 'c');
