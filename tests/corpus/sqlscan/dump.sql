\restrict x1
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
COPY public.t (a, "b;") FROM stdin WITH (FORMAT csv);
1	it's;
\.
\unrestrict x1
