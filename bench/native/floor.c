// The floor: the cost of sending the same bytes to the same sockets and doing nothing else. One thread, one ring in
// memory, send() to every reader. No protocol, no loss handling, no retention beyond the ring: no server that delivers
// over TCP with plain sends can do less.
//
//   floor PORT
//
// The first byte of a connection is its role: 'W' writes (everything that follows is data), 'R' reads live from now on,
// 'H' first reads the newest HISTORY bytes. A reader is greeted with one byte, 'R'.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define RING (64u << 20)
#define HISTORY (6u << 20)
#define PIECE 65536
#define PIECES_PER_TURN 4
#define MAX_READERS 20000

typedef enum { NEW, READER, WRITER, LISTENER } Kind;
typedef struct {
  int fd;
  Kind kind;
  int waits_for_room;
  int index;        // in `readers`
  uint64_t cursor;  // next byte to send
} Connection;

static Connection *readers[MAX_READERS];
static int reader_count;
static unsigned char *ring;
static uint64_t end_offset;
static int epoll;

static void watch(Connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll, operation, c->fd, &event);
}

static void close_connection(Connection *c) {
  if (c->kind == READER) {
    readers[c->index] = readers[--reader_count];
    readers[c->index]->index = c->index;
  }
  close(c->fd);
  free(c);
}

static void pump(Connection *c) {
  while (c->cursor < end_offset) {
    uint64_t at = c->cursor % RING, length = end_offset - c->cursor;
    if (length > RING - at) length = RING - at;
    ssize_t sent = send(c->fd, ring + at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) {
      if (!c->waits_for_room) watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
      c->waits_for_room = 1;
      return;
    }
    c->cursor += sent;
  }
  if (c->waits_for_room) watch(c, EPOLL_CTL_MOD, EPOLLIN);
  c->waits_for_room = 0;
}

static void accept_all(int listener) {
  int fd, on = 1;
  while ((fd = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof on);
    Connection *c = calloc(1, sizeof *c);
    c->fd = fd;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
  }
}

static void greet(Connection *c) {
  char first;
  if (recv(c->fd, &first, 1, 0) != 1 || reader_count == MAX_READERS) return close_connection(c);
  if (first == 'W') {
    c->kind = WRITER;
    return;
  }
  c->kind = READER;
  c->index = reader_count;
  readers[reader_count++] = c;
  uint64_t history = first == 'H' ? HISTORY : 0;
  c->cursor = end_offset > history ? end_offset - history : 0;
  if (first == 'R') c->cursor = end_offset;
  send(c->fd, "R", 1, MSG_NOSIGNAL);
  pump(c);
}

// Returns whether any bytes arrived.
static int ingest(Connection *c) {
  for (int piece = 0; piece < PIECES_PER_TURN; piece++) {
    uint64_t at = end_offset % RING, room = RING - at;
    ssize_t got = recv(c->fd, ring + at, room < PIECE ? room : PIECE, MSG_DONTWAIT);
    if (got == 0) {
      close_connection(c);
      return piece > 0;
    }
    if (got < 0) return piece > 0;
    end_offset += got;
  }
  return 1;
}

int main(int count, char **arguments) {
  if (count != 2) return fprintf(stderr, "usage: floor PORT\n"), 2;
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  ring = calloc(1, RING);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1]))};
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) return perror("floor"), 1;
  epoll = epoll_create1(0);
  Connection listening = {.fd = listener, .kind = LISTENER};
  watch(&listening, EPOLL_CTL_ADD, EPOLLIN);
  struct epoll_event events[256];
  for (;;) {
    int ready = epoll_wait(epoll, events, 256, -1), appended = 0;
    for (int i = 0; i < ready; i++) {
      Connection *c = events[i].data.ptr;
      char ignored[64];
      if (c->kind == LISTENER) accept_all(listener);
      else if (c->kind == NEW) greet(c);
      else if (c->kind == WRITER) appended |= ingest(c);
      else {
        if (events[i].events & EPOLLOUT) pump(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
          ssize_t got = recv(c->fd, ignored, sizeof ignored, MSG_DONTWAIT);
          if (got == 0 || (got < 0 && errno != EAGAIN)) close_connection(c);
        }
      }
    }
    if (appended)
      for (int i = 0; i < reader_count; i++)
        if (!readers[i]->waits_for_room) pump(readers[i]);
  }
}
