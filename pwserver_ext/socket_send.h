/* One non-blocking write to a socket, without the layers for files. */
#ifndef PWSERVER_SOCKET_SEND_H
#define PWSERVER_SOCKET_SEND_H

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* Python ignores SIGPIPE anyway */
#endif

/* Bytes taken, or -1 for whatever reason. */
static inline ssize_t pw_send(int descriptor, const char *bytes, ssize_t size) {
    ssize_t sent;
    do {
        sent = send(descriptor, bytes, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

#endif
