/*
 * role.h - luamig's own statements in the midst of a script's, whose role may be another
 *
 * role_own takes the role away for a while, role_file brings it back; both are lists that
 * end in NULL, for an open transaction. (pg_settings does not list role, so there is no
 * value to SET LOCAL.) All of it is rolled back with a failure.
 */
#ifndef LUAMIG_PG_ROLE_H
#define LUAMIG_PG_ROLE_H

extern const char *const role_own[];
extern const char *const role_file[];

#endif
