#include "pg/role.h"

#include <stddef.h>

const char *const role_own[] = {
    "SELECT pg_catalog.set_config('luamig.role',"
    " pg_catalog.current_setting('role'), true),"
    " pg_catalog.set_config('luamig.user',"
    " pg_catalog.current_setting('session_authorization'), true)",
    "RESET SESSION AUTHORIZATION",
    "RESET ROLE",
    NULL,
};

const char *const role_file[] = {
    "SELECT pg_catalog.set_config('session_authorization',"
    " pg_catalog.current_setting('luamig.user'), false)",
    "SELECT pg_catalog.set_config('role',"
    " pg_catalog.current_setting('luamig.role'), false)",
    NULL,
};
