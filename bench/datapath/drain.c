/*
 * Asks for one target over many connections and drops what comes, at the cost of hardly any CPU: bodies are discarded in
 * the kernel. Connections are kept. Prints one line of JSON.
 *
 * Usage: drain HOST PORT TARGET CONNECTIONS REQUESTS BYTES_PER_SECOND SECONDS [HEADER]
 *
 * BYTES_PER_SECOND is what each connection reads at most; 0 is no limit. Ends when REQUESTS are answered, or after
 * SECONDS. A connection whose answer is neither 200 nor 206 makes no further request.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES = 8192, TICKS_PER_SECOND = 10, READ_BYTES = 1 << 20 };

struct connection {
  int fd;
  int head_length;
  int in_body;
  int status;
  long long left;   /* of the body */
  long long budget; /* what may be read before the next tick */
  char head[HEAD_BYTES];
};

static struct sockaddr_in address;
static char request[4096];
static int request_length;
static long requested, wanted;
static long long received, begun, completed, refused, failed;
static int open_connections, poll_fd;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static void end(struct connection *c) {
  close(c->fd);
  c->fd = -1;
  open_connections--;
}

static void ask(struct connection *c) {
  if (requested >= wanted) return end(c);
  requested++;
  c->head_length = c->in_body = 0;
  if (write(c->fd, request, request_length) != request_length) failed++, end(c);
}

static void open_connection(struct connection *c, int is_polled) {
  memset(c, 0, sizeof *c);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  open_connections++;
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) {
    failed++;
    end(c);
    return;
  }
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  ask(c);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
  if (is_polled && c->fd >= 0) epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

/* Takes the head out of the socket and leaves the body in it. Returns what was read, 0 at the end, -1 for nothing yet. */
static int read_head(struct connection *c) {
  char *at = c->head + c->head_length;
  int got = recv(c->fd, at, HEAD_BYTES - 1 - c->head_length, MSG_PEEK);
  if (got <= 0) return got;
  at[got] = 0;
  char *stop = strstr(c->head, "\r\n\r\n");
  int taken = stop == NULL ? got : (int)(stop + 4 - at);
  recv(c->fd, at, taken, 0);
  c->head_length += taken;
  if (stop == NULL) return taken;
  char *length = strcasestr(c->head, "\r\ncontent-length:");
  c->in_body = 1;
  c->status = atoi(c->head + 9);
  if (c->status == 200 || c->status == 206) begun++;
  c->left = length == NULL ? 0 : atoll(length + 17);
  return taken;
}

static void answered(struct connection *c) {
  if (c->status == 200 || c->status == 206) {
    completed++;
    ask(c);
  } else {
    refused++;
    end(c);
  }
}

/* Reads what there is, up to `budget` bytes of bodies. */
static void drain(struct connection *c, long long budget) {
  while (c->fd >= 0 && budget > 0) {
    ssize_t got;
    if (!c->in_body) {
      got = read_head(c);
    } else {
      long long most = c->left < budget ? c->left : budget;
      got = recv(c->fd, NULL, most < READ_BYTES ? most : READ_BYTES, MSG_TRUNC);
      if (got > 0) {
        c->left -= got;
        budget -= got;
        c->budget -= got;
        if (c->status < 300) received += got;
      }
    }
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      failed++;
      return end(c);
    }
    if (c->in_body && c->left == 0) answered(c);
  }
}

int main(int count, char **arguments) {
  if (count < 8) return 2;
  int connections = atoi(arguments[4]);
  double rate = atof(arguments[6]), seconds = atof(arguments[7]);
  wanted = atol(arguments[5]);
  address.sin_family = AF_INET;
  address.sin_port = htons(atoi(arguments[2]));
  inet_pton(AF_INET, arguments[1], &address.sin_addr);
  request_length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", arguments[3], arguments[1],
                            count > 8 ? arguments[8] : "", count > 8 ? "\r\n" : "");
  struct rlimit files = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  poll_fd = epoll_create1(0);
  struct connection *all = calloc(connections, sizeof *all);
  double started = now();
  for (int i = 0; i < connections; i++) open_connection(&all[i], rate == 0);

  if (rate == 0) {
    struct epoll_event events[64];
    while (open_connections > 0 && now() - started < seconds) {
      int ready = epoll_wait(poll_fd, events, 64, 100);
      for (int i = 0; i < ready; i++) drain(events[i].data.ptr, 8 << 20);
    }
  } else {
    long long share = rate / TICKS_PER_SECOND;
    double tick = now();
    while (open_connections > 0 && now() - started < seconds) {
      for (int i = 0; i < connections; i++) {
        struct connection *c = &all[i];
        if (c->fd < 0) continue;
        c->budget = c->budget + share > 4 * share ? 4 * share : c->budget + share;
        drain(c, c->budget);
      }
      tick += 1.0 / TICKS_PER_SECOND;
      if (tick > now()) usleep((tick - now()) * 1e6);
    }
  }
  printf("{\"seconds\":%.4f,\"bytes\":%lld,\"begun\":%lld,\"completed\":%lld,\"refused\":%lld,\"failed\":%lld,\"open\":%d}\n",
         now() - started, received, begun, completed, refused, failed, open_connections);
  return 0;
}
