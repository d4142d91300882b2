DROP INDEX CONCURRENTLY users_search_name;
ALTER TABLE users DROP search_name;
