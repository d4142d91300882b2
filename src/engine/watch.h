/* watch.h - what is seen while the work session waits: progress, and who is in the way */
#ifndef LUAMIG_ENGINE_WATCH_H
#define LUAMIG_ENGINE_WATCH_H

struct migrator;

/* A struct session_watch's tick; ctx is the struct migrator. */
void watch_tick(void *ctx);

#endif
