/* database.h - databases made and dropped on the server of a URL */
#ifndef LUAMIG_MODULE_DATABASE_H
#define LUAMIG_MODULE_DATABASE_H

#include "base/error.h"

/* name needs no quotes. */
bool database_create(const char *url, const char *name, struct error *err);

/* Whoever is connected to it; one that is not there is fine. */
bool database_drop(const char *url, const char *name, struct error *err);

#endif
