-- Associations of the DICOM door that have ended, written by the door; pruned after some time.
create table connections (
  id bigint generated always as identity primary key,
  association text not null unique,
  organization_id uuid,
  branch_id uuid,
  began_at timestamptz not null,
  took_ms bigint not null,
  address text not null,
  calling_ae text not null,
  called_ae text not null,
  modality text not null,
  outcome text not null,
  reason text not null,
  instances integer not null,
  size_bytes bigint not null,
  failed integer not null,
  queries integer not null
);

create index connections_newest on connections (organization_id, began_at desc, id desc);

create index connections_at on connections using brin (began_at);
