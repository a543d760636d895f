/* The keeper: the process that starts the others, and starts them again.
 *
 * It reads the settings, opens the ports, makes the keys, and forms a crew (crew.h): gates that speak with clients, one
 * auth that knows passwords, stores that touch mail. It never reads an octet of a stranger and no mail; what it hears
 * are the frames of its children, and those that it does not understand end the child. It is the only one that may
 * stay root.
 *
 * A generation is one reading of the settings with all its processes. A reload forms a new one beside the old; only
 * when every process of it is ready it takes over, and the old gates take nobody new and end with their last session.
 * Whatever goes wrong before that moment changes nothing.
 *
 * A child that dies is started anew, with a new number. Sessions that were in it are lost, others are not: those of a
 * gate live on when auth or a store dies, and their clients are told [SYS/TEMP]. */
#ifndef POSTFACH_ROLE_KEEPER_H
#define POSTFACH_ROLE_KEEPER_H

/* Runs until SIGTERM or SIGINT; returns an exit status. Complaints go to stderr. */
int pf_keeper_run(const char *conf_file);

#endif
