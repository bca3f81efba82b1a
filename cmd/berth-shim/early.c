/*
 * Two roles of this program that are too small for a Go runtime. The name by
 * which it is called chooses them, before Go begins:
 *
 *   berth-pause   holds namespaces, and reaps what is left in them
 *   docker-init   is the first process of a container whose definition asks for
 *                 an init process: "docker-init -- COMMAND [ARGUMENT]..."; it
 *                 starts the command, hands signals on, and reaps
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void hold(void)
{
	sigset_t child;
	int got;

	prctl(PR_SET_NAME, "berth-pause");
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		sigwait(&child, &got);
	}
}

/* The command runs in a process group of its own, which has the terminal if
 * there is one, so that keys reach it and not us too. */
static pid_t start(char **command, const sigset_t *mask)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	setpgid(0, 0);
	if (isatty(STDIN_FILENO)) {
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(STDIN_FILENO, getpgrp());
		signal(SIGTTOU, SIG_DFL);
	}
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	fprintf(stderr, "[FATAL docker-init] exec %s failed: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void init(char **command)
{
	sigset_t all, before;
	siginfo_t got;
	int status, code = 0;
	pid_t pid, child;

	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	sigprocmask(SIG_BLOCK, &all, &before);
	child = start(command, &before);
	if (child < 0) {
		perror("[FATAL docker-init] fork");
		_exit(1);
	}
	for (;;) {
		if (sigwaitinfo(&all, &got) < 0)
			continue;
		if (got.si_signo != SIGCHLD) {
			kill(child, got.si_signo);
			continue;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
			if (pid != child)
				continue;
			code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
			_exit(code);
		}
	}
}

__attribute__((constructor)) static void early(int argc, char **argv)
{
	const char *name;

	if (argc < 1 || argv[0] == NULL)
		return;
	name = strrchr(argv[0], '/');
	name = name ? name + 1 : argv[0];
	if (strcmp(name, "berth-pause") == 0)
		hold();
	if (strcmp(name, "docker-init") == 0) {
		int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;

		if (argc <= first) {
			fprintf(stderr, "usage: docker-init -- COMMAND [ARGUMENT]...\n");
			_exit(1);
		}
		init(argv + first);
	}
}
