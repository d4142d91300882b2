CREATE OR REPLACE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 END; SELECT (3); END;
DO $x$ $$ ; $$ $x$; SELECT a$b$, $1, U&"d\0061t", E'\';'
  '\'', B'1', 1e5;
/* a /* b; */ c */ -- d'
