/* Stands in for LibreOffice and does what a hostile document might have it do: the word in `mode`, beside the folder of the
 * program, says what. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PDF "%PDF-1.4\nas it should be\n%%EOF\n"

static int put(const char *path, const char *text) {
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    int bad = file < 0 || write(file, text, strlen(text)) != (ssize_t)strlen(text);
    return bad || close(file);
}

static int told(long result) { return result < 0 ? errno : 0; }

static void *nothing(void *unused) { return unused; }

static int threads(void) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);
    return error ? error : pthread_join(thread, NULL);
}

static int forks(void) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    int error = told(child);
    if (!error) waitpid(child, NULL, 0);
    return error;
}

/* Each on its own line with what the system answers. Done to the parent, all of it leaves things as they are. */
static int calls(const char *mode_path) {
    pid_t parent = getppid();
    struct rlimit limit;
    struct sched_param turns = {0};
    cpu_set_t processors;
    sched_getaffinity(parent, sizeof processors, &processors);
    int nice = getpriority(PRIO_PROCESS, parent);
    long disk = syscall(SYS_ioprio_get, 1, parent);
    int own = open("own", O_CREAT | O_RDWR, 0600);
    FILE *out = fopen("out.pdf", "w");
    if (!out) return 1;
    fprintf(out, "%%PDF-1.4\n");
#define TELL(name, call) errno = 0, fprintf(out, name "=%d\n", told(call))
    TELL("own limits", prlimit(0, RLIMIT_NOFILE, NULL, &limit));
    TELL("own priority", setpriority(PRIO_PROCESS, 0, nice));
    TELL("own processors", sched_setaffinity(0, sizeof processors, &processors));
    TELL("own mode", fchmod(own, 0600));
    TELL("local stream", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    fprintf(out, "thread=%d\n", threads());
    TELL("limits of another", prlimit(parent, RLIMIT_NOFILE, NULL, &limit));
    TELL("priority of another", setpriority(PRIO_PROCESS, parent, nice));
    TELL("priority of a user", setpriority(PRIO_USER, 0, nice));
    TELL("processors of another", sched_setaffinity(parent, sizeof processors, &processors));
    TELL("scheduler of another", sched_setscheduler(parent, SCHED_OTHER, &turns));
    TELL("scheduling of another", sched_setparam(parent, &turns));
    TELL("disk of another", syscall(SYS_ioprio_set, 1, parent, disk));
    TELL("signal to another", kill(parent, 0));
    TELL("signals by a file", fcntl(own, F_SETOWN, parent));
    TELL("mode by name", chmod(mode_path, 0644));
    TELL("mode by name and folder", fchmodat(AT_FDCWD, mode_path, 0644, 0));
    TELL("times by name", utimensat(AT_FDCWD, mode_path, NULL, 0));
    TELL("own times", futimens(own, NULL));
#ifdef __x86_64__
    TELL("times by name, older", syscall(SYS_utime, mode_path, NULL));
    TELL("times by name, newer", syscall(SYS_utimes, mode_path, NULL));
    TELL("times by name and folder", syscall(SYS_futimesat, AT_FDCWD, mode_path, NULL));
#endif
    TELL("local datagrams", socket(AF_UNIX, SOCK_DGRAM, 0));
    TELL("local packets", socket(AF_UNIX, SOCK_SEQPACKET, 0));
    TELL("life without parent", prctl(PR_SET_PDEATHSIG, 0));
    fprintf(out, "process=%d\n", forks());
    TELL("process group", setpgid(0, 0));
    fprintf(out, "%%%%EOF\n");
    return fclose(out);
}

int main(int count, char **arguments) {
    char path[4096], mode[64] = "";
    (void)count;
    snprintf(path, sizeof path, "%s", arguments[0]);
    *strrchr(path, '/') = 0;
    strcat(path, "/../mode");
    FILE *file = fopen(path, "r");
    if (!file || fscanf(file, "%63s", mode) != 1) return 1;
#define MODE(name) (!strcmp(mode, name))
    if (MODE("plain")) return put("out.pdf", PDF);
    if (MODE("calls")) return calls(path);
    if (MODE("link")) return symlink("../other.pdf", "out.pdf");
    if (MODE("own-link")) return put("own.pdf", PDF) || link("own.pdf", "out.pdf");
    if (MODE("pipe")) return mkfifo("out.pdf", 0600);
    if (MODE("folder")) return mkdir("out.pdf", 0700);
    if (MODE("read")) return put("out.pdf", PDF) || (fopen("../other.pdf", "r") ? 0 : 1);
    if (MODE("many")) {
        char name[32];
        if (put("out.pdf", PDF)) return 1;
        for (long number = 0;; number++) {
            snprintf(name, sizeof name, "f%ld", number);
            int file = open(name, O_CREAT | O_WRONLY, 0600);
            if (file < 0 || close(file)) pause();
            if (number % 50 == 0) usleep(1000);
        }
    }
    if (MODE("mess")) {
        for (int depth = 0; depth < 2000; depth++)
            if (mkdir("d", 0700) || chdir("d")) return 1;
        if (mkdir("shut", 0)) return 1;
        for (int depth = 0; depth < 2000; depth++)
            if (chdir("..")) return 1;
        int shut = open("d", O_RDONLY);
        return put("out.pdf", PDF) || fchmod(shut, 0);
    }
#ifdef __x86_64__
    if (MODE("other-table")) return put("out.pdf", PDF) || (syscall(0x40000000L | SYS_getpid), 0);
#endif
    if (MODE("stay")) for (;;) pause();
    return 1;
}
