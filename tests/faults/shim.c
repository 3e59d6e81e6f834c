/* Makes the n-th call that changes a file below a folder go wrong; see shim.py. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum mode { ONCE, FOREVER, SHORT, KILL, KILL_AFTER, STOP, SLOW }; /* as in shim.py */
enum fate { PASS, FAIL, HALF, DIE };

static char under[PATH_MAX];
static size_t under_length; /* 0: nothing is armed */
static long nth;
static int code, mode, lock_code;
static atomic_long met;
static _Atomic double ahead_s;

void fault_arm(const char *folder, long number, int error, int how)
{
    snprintf(under, sizeof under, "%s/", folder); /* of "" nothing counts */
    nth = number, code = error, mode = how, met = 0;
    under_length = *folder ? strlen(under) : 0;
}

void fault_locks(const char *folder, int error)
{
    fault_arm(folder, 0, 0, ONCE);
    lock_code = error;
}

void fault_clock(double seconds) { ahead_s = seconds; }

long fault_met(void) { return met; }

static int is_under(const char *path) { return !strncmp(path, under, under_length); }

static int of_descriptor(int file)
{
    char name[64], path[PATH_MAX];
    int before = errno;
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path - 2);
    errno = before;
    if (length < 0)
        return 0;
    path[length] = '/', path[length + 1] = 0; /* the folder itself counts, too */
    return is_under(path);
}

static enum fate befall(int concerns)
{
    if (!concerns)
        return PASS;
    long now = ++met;
    if (mode == SLOW) { /* each of them, by so many milliseconds */
        usleep(code * 1000);
        return PASS;
    }
    if (now != nth && !(mode == FOREVER && nth && now > nth))
        return PASS;
    switch (mode) {
    case KILL:
        kill(getpid(), SIGKILL);
        return FAIL;
    case STOP:
        kill(getpid(), SIGSTOP);
        return PASS;
    case KILL_AFTER:
        return DIE;
    case SHORT:
        return HALF;
    }
    return FAIL;
}

static enum fate of_file(int file) { return befall(under_length && of_descriptor(file)); }

static enum fate of_path(int folder, const char *path)
{
    if (!under_length || !path)
        return PASS;
    return befall(*path == '/' ? is_under(path) : folder != AT_FDCWD && of_descriptor(folder));
}

#define REAL(type, name, params)                                                                   \
    static type(*real) params;                                                                     \
    if (!real)                                                                                     \
    real = (type(*) params)dlsym(RTLD_NEXT, #name)

#define WRAP(type, name, params, args, how)                                                        \
    type name params                                                                               \
    {                                                                                              \
        REAL(type, name, params);                                                                  \
        enum fate fate = how;                                                                      \
        if (fate == FAIL || fate == HALF)                                                          \
            return errno = code, -1;                                                               \
        type found = real args;                                                                    \
        if (fate == DIE)                                                                           \
            kill(getpid(), SIGKILL);                                                               \
        return found;                                                                              \
    }

/* Of a write, half may be done. */
#define WRAP_WRITE(name, params, args, file)                                                       \
    ssize_t name params                                                                            \
    {                                                                                              \
        REAL(ssize_t, name, params);                                                               \
        enum fate fate = of_file(file);                                                            \
        if (fate == FAIL || (fate == HALF && size < 2))                                            \
            return errno = code, -1;                                                               \
        size = fate == HALF ? size / 2 : size;                                                     \
        ssize_t found = real args;                                                                 \
        if (fate == DIE)                                                                           \
            kill(getpid(), SIGKILL);                                                               \
        return found;                                                                              \
    }

/* Says what went wrong by its result. */
#define WRAP_ALLOCATE(name, offset)                                                                \
    int name(int file, offset start, offset size)                                                  \
    {                                                                                              \
        REAL(int, name, (int, offset, offset));                                                    \
        enum fate fate = of_file(file);                                                            \
        if (fate == FAIL || fate == HALF)                                                          \
            return code;                                                                           \
        int found = real(file, start, size);                                                       \
        if (fate == DIE)                                                                           \
            kill(getpid(), SIGKILL);                                                               \
        return found;                                                                              \
    }

#define WRAP_OPEN(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        REAL(int, name, (const char *, int, ...));                                                 \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        enum fate fate = flags & (O_CREAT | O_TRUNC) ? of_path(AT_FDCWD, path) : PASS;             \
        if (fate == FAIL || fate == HALF)                                                          \
            return errno = code, -1;                                                               \
        int found = real(path, flags, rights);                                                     \
        if (fate == DIE)                                                                           \
            kill(getpid(), SIGKILL);                                                               \
        return found;                                                                              \
    }

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_WRITE(write, (int file, const void *from, size_t size), (file, from, size), file)
WRAP_WRITE(pwrite, (int file, const void *from, size_t size, off_t at), (file, from, size, at), file)
WRAP_WRITE(pwrite64, (int file, const void *from, size_t size, off64_t at), (file, from, size, at),
           file)
WRAP(ssize_t, writev, (int file, const struct iovec *from, int count), (file, from, count),
     of_file(file))
WRAP(int, ftruncate, (int file, off_t size), (file, size), of_file(file))
WRAP(int, ftruncate64, (int file, off64_t size), (file, size), of_file(file))
WRAP(int, fsync, (int file), (file), of_file(file))
WRAP(int, fdatasync, (int file), (file), of_file(file))
WRAP(int, msync, (void *at, size_t size, int how), (at, size, how), befall(under_length != 0))
WRAP(int, rename, (const char *old, const char *new), (old, new), of_path(AT_FDCWD, new))
WRAP(int, unlink, (const char *path), (path), of_path(AT_FDCWD, path))
WRAP(int, unlinkat, (int folder, const char *path, int how), (folder, path, how),
     of_path(folder, path))
WRAP(int, rmdir, (const char *path), (path), of_path(AT_FDCWD, path))
WRAP(int, mkdir, (const char *path, mode_t rights), (path, rights), of_path(AT_FDCWD, path))
WRAP(int, link, (const char *old, const char *new), (old, new), of_path(AT_FDCWD, new))
WRAP(int, utimensat, (int folder, const char *path, const struct timespec to[2], int how),
     (folder, path, to, how), of_path(folder, path))
WRAP_ALLOCATE(posix_fallocate, off_t)
WRAP_ALLOCATE(posix_fallocate64, off64_t)

int flock(int file, int how)
{
    REAL(int, flock, (int, int));
    if (lock_code && of_descriptor(file))
        return errno = lock_code, -1;
    return real(file, how);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    REAL(int, clock_gettime, (clockid_t, struct timespec *));
    int found = real(clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += (time_t)ahead_s;
    return found;
}
