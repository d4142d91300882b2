/* versions.h - the versions among a command's arguments */
#ifndef LUAMIG_CLI_VERSIONS_H
#define LUAMIG_CLI_VERSIONS_H

#include "cli/command.h"
#include "engine/record.h"

/* Reads the arguments from first on as versions. ERROR_USAGE. */
bool versions_read(const struct invocation *inv, size_t first,
                   struct record_request *request, struct error *err);

/* Runs the request, says each change on stderr and how many there were; the exit status. */
int versions_record(struct invocation *inv, const struct record_request *request);

#endif
