// The load generator: writers, readers that check the bytes they receive (probes), readers that only count, and readers
// that never read, for any server whose protocol can be expressed with a few byte templates. One thread, two event
// queues: writers and probes have priority over the counting readers, so that the latency is not the generator's own.
// Prints one JSON object. bench/README.md explains the measurements; bench/cell.mjs starts it.
//
// In templates \r \n \\ and \xHH stand for bytes, and %i for the number of the stream with five digits.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "framing.h"

static const char *mode = "fanout", *answer = "", *framing_name = "chunked";
static const char *read_text = "", *open_text = "", *before_text = "", *after_text = "", *finish_text = "";
static int port, reader_count = 1, probe_count = 1, stalled_count, writer_count = 1, batch = 1, depth, core = -1;
static int writer_first, late_head, low_water;
static double rate, run_seconds = 3, warm_seconds, churn_seconds, tail_seconds = 5, settle_seconds = 0.3;
static long long window, total_bytes, history;

typedef struct {
  char *bytes;
  int length, number_at;  // position of %i; -1: none
} Template;

static Template parse_template(const char *text) {
  Template t = {malloc(strlen(text) * 3 + 1), 0, -1};
  for (; *text; text++) {
    if (text[0] == '%' && text[1] == 'i') {
      t.number_at = t.length;
      memcpy(t.bytes + t.length, "00000", 5);
      t.length += 5;
      text++;
    } else if (text[0] == '\\' && text[1]) {
      text++;
      char byte = *text == 'r' ? '\r' : *text == 'n' ? '\n' : *text;
      if (*text == 'x') {
        byte = hexadecimal((const unsigned char *)text + 1, 2);
        text += 2;
      }
      t.bytes[t.length++] = byte;
    } else t.bytes[t.length++] = *text;
  }
  return t;
}

static void put_number(char *at, int number) {
  for (int i = 4; i >= 0; i--, number /= 10) at[i] = '0' + number % 10;
}

static void put_hexadecimal(unsigned char *at, int digits, uint64_t value) {
  for (int i = digits - 1; i >= 0; i--, value >>= 4) at[i] = "0123456789abcdef"[value & 15];
}

static void stop(const char *what) {
  printf("{\"error\":\"%s: %s\"}\n", what, errno ? strerror(errno) : "");
  exit(1);
}

static int open_socket(int blocking) {
  // Many loopback addresses: one has too few ports for tens of thousands of short-lived connections.
  static uint32_t next;
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | (blocking ? 0 : SOCK_NONBLOCK), 0);
  if (fd < 0) stop("socket");
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002 + next++ % 200)};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(0x7f000001)};
  setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  bind(fd, (void *)&from, sizeof from);
  setsockopt(fd, SOL_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) stop("connect");
  return fd;
}

// ---- readers

static Reader *readers;
static Template read_template;
static int urgent, bulk;  // epoll: writers, probes, and `bulk` itself; counting readers

static void watch(int queue, int operation, int fd, uint32_t events, void *data) {
  struct epoll_event event = {.events = events, .data.ptr = data};
  epoll_ctl(queue, operation, fd, &event);
}

static int queue_of(const Reader *r) { return r->probe ? urgent : bulk; }

static void send_request(int fd, int index) {
  if (read_template.number_at >= 0) put_number(read_template.bytes + read_template.number_at, index % stream_count);
  if (send(fd, read_template.bytes, read_template.length, MSG_NOSIGNAL) != read_template.length) stop("request");
}

static void reset_reader(Reader *r, int index) {
  int probe = r->probe;
  *r = (Reader){.index = index, .probe = probe, .position = -1, .fd = -1};
  for (int i = 0; i < MAX_WRITERS; i++) r->last[i] = -1;
  wire[index] = 0;
}

static void take_from(Reader *r) {
  if (!receive(r)) {
    r->closed = 1;
    epoll_ctl(queue_of(r), EPOLL_CTL_DEL, r->fd, 0);
  }
}

static void set_low_water(int bytes) {
  for (int i = 0; i < reader_count; i++)
    if (!readers[i].probe) setsockopt(readers[i].fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

// Waits for the heads of readers [from, to), for at most a second.
static void await_heads(int from, int to) {
  double deadline = seconds() + 1;
  for (int i = from; i < to; i++) {
    Reader *r = &readers[i];
    while (r->state == HEAD && !r->closed && seconds() < deadline) {
      struct pollfd p = {.fd = r->fd, .events = POLLIN};
      if (poll(&p, 1, 50) > 0 && !receive(r)) r->closed = 1;
    }
  }
}

// Connects all readers, a few at a time. Sends the request of each and, if the server answers at once, reads the head.
static void connect_readers(void) {
  enum { TOGETHER = 64 };
  for (int from = 0; from < reader_count; from += TOGETHER) {
    int to = from + TOGETHER < reader_count ? from + TOGETHER : reader_count;
    for (int i = from; i < to; i++) {
      Reader *r = &readers[i];
      r->fd = open_socket(1);
      send_request(r->fd, i);
      watch(queue_of(r), EPOLL_CTL_ADD, r->fd, EPOLLIN, r);
    }
    if (!late_head) await_heads(from, to);
  }
  if (late_head) usleep(300000);
  if (low_water) set_low_water(low_water);
}

static void connect_stalled(void) {
  for (int i = 0; i < stalled_count; i++) send_request(open_socket(1), 0);
}

// ---- writers

typedef struct {
  int fd, number, pending, waits_for_room, closed;
  char *out;
  size_t length, sent;
  int matched;  // bytes matched of `answer`
  uint64_t count;
} Writer;

static Writer *writers;
static Template before_template;
static int slot;  // size of a message including its framing
static uint64_t sent, answered;
static char refusal[201];

static uint64_t sent_to_stream(int stream) {
  return sent / stream_count + ((uint64_t)stream < sent % stream_count);
}

static void connect_writers(void) {
  Template open = parse_template(open_text), after = parse_template(after_text);
  before_template = parse_template(before_text);
  slot = before_template.length + message_size + after.length;
  for (int i = 0; i < writer_count; i++) {
    Writer *w = &writers[i];
    *w = (Writer){.fd = open_socket(1), .number = i, .out = malloc((size_t)slot * batch)};
    if (message_size >= 4096) {
      int room = 4 << 20;
      setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    }
    for (int k = 0; k < batch; k++) {
      char *at = w->out + (size_t)k * slot;
      memcpy(at, before_template.bytes, before_template.length);
      memcpy(at + before_template.length, filler, message_size);
      memcpy(at + before_template.length + message_size, after.bytes, after.length);
    }
    if (open.length > 0 && send(w->fd, open.bytes, open.length, MSG_NOSIGNAL) != open.length) stop("opening a write");
    watch(urgent, EPOLL_CTL_ADD, w->fd, EPOLLIN, w);
  }
}

// Whether the data of an event is a writer: readers and writers share a queue.
static int is_writer(const void *data) { return (Writer *)data >= writers && (Writer *)data < writers + writer_count; }

static void stamp(Writer *w, char *at, uint64_t due) {
  unsigned char *message = (unsigned char *)at + before_template.length;
  if (before_template.number_at >= 0) put_number(at + before_template.number_at, sent % stream_count);
  message[0] = 1;
  put_hexadecimal(message + 1, 16, due);
  put_hexadecimal(message + 17, 2, w->number);
  put_hexadecimal(message + 19, 8, w->count++);
}

static void flush_writer(Writer *w) {
  while (w->sent < w->length) {
    ssize_t n = send(w->fd, w->out + w->sent, w->length - w->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) w->closed = 1;
      else if (!w->waits_for_room) watch(urgent, EPOLL_CTL_MOD, w->fd, EPOLLIN | EPOLLOUT, w);
      w->waits_for_room = 1;
      return;
    }
    w->sent += n;
  }
  w->length = w->sent = 0;
  if (w->waits_for_room) watch(urgent, EPOLL_CTL_MOD, w->fd, EPOLLIN, w);
  w->waits_for_room = 0;
}

static void take_answers(Writer *w) {
  char text[65536];
  ssize_t got = recv(w->fd, text, sizeof text, MSG_DONTWAIT);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
    w->closed = 1;
    epoll_ctl(urgent, EPOLL_CTL_DEL, w->fd, 0);
  }
  for (ssize_t i = 0; *answer && i < got; i++) {
    w->matched = text[i] == answer[w->matched] ? w->matched + 1 : text[i] == answer[0];
    if (answer[w->matched]) continue;
    w->matched = 0;
    w->pending--;
    answered++;
  }
  // For the report, in case the run fails.
  if (got > 0 && answered == 0 && !*refusal)
    for (ssize_t i = 0; i < got && i < 200; i++) refusal[i] = text[i] < ' ' || text[i] == '"' || text[i] == '\\' ? ' ' : text[i];
}

// ---- the run

static double began, started_at, progress_at;
static uint64_t slowest_seen;
static double looked_at;

// Messages that every open reader has received for certain: a counting reader may only be woken once low_water bytes
// wait.
static uint64_t slowest(void) {
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < reader_count; i++) {
    const Reader *r = &readers[i];
    if (r->closed) continue;
    uint64_t has = r->payload + (r->probe ? 0 : low_water);
    if (has < least) least = has;
  }
  return least == UINT64_MAX ? sent : least / message_size;
}

// The number of messages that may be sent now; with a rate, also sets the time in seconds until the next one is due.
static long long allowance(double now, double *wait) {
  long long allowed = 1ll << 40;
  *wait = 0.005;
  if (window > 0) {
    if (sent >= slowest_seen + window && now - looked_at > 0.00005) {
      looked_at = now;
      slowest_seen = slowest();
    }
    allowed = (long long)(slowest_seen + window) - (long long)sent;
    *wait = 0.0001;
  }
  if (rate > 0) {
    double due = (now - began) * rate - sent;
    if (due < allowed) allowed = due;
    *wait = due < 1 ? (1 - due) / rate : 0;
  }
  long long left = total_bytes / message_size - (long long)sent;
  if (total_bytes > 0 && left < allowed) allowed = left;
  return allowed;
}

// Sends the messages that are due. Returns for how many seconds there is nothing to do unless an event arrives.
static double send_due(void) {
  static int turn;
  double wait;
  long long allowed = allowance(seconds(), &wait);
  for (int i = 0; i < writer_count && allowed >= 1; i++) {
    Writer *w = &writers[turn++ % writer_count];
    if (w->closed || w->length > 0) continue;
    long long n = batch < allowed ? batch : allowed;
    if (depth > 0 && n > depth - w->pending) n = depth - w->pending;
    if (n <= 0) continue;
    uint64_t now = nanoseconds();
    for (int k = 0; k < n; k++, sent++) {
      uint64_t due = rate > 0 ? (uint64_t)((began + (sent + 1) / rate) * 1e9) : now;
      stamp(w, w->out + (size_t)k * slot, due < now ? due : now);
    }
    w->length = (size_t)n * slot;
    if (depth > 0) w->pending += n;
    allowed -= n;
    wait = 0;
    flush_writer(w);
  }
  return wait;
}

static void handle(struct epoll_event *event) {
  if (is_writer(event->data.ptr)) {
    if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) take_answers(event->data.ptr);
    if (event->events & EPOLLOUT) flush_writer(event->data.ptr);
  } else take_from(event->data.ptr);
}

// One turn: urgent events first, then a few of the counting readers.
static void turn(double wait) {
  struct epoll_event events[64];
  struct timespec timeout = {.tv_nsec = (wait > 0.02 ? 0.02 : wait) * 1e9};
  int n = epoll_pwait2(urgent, events, 64, &timeout, 0);
  for (int i = 0; i < n; i++)
    if (events[i].data.ptr != NULL) handle(&events[i]);
  n = epoll_wait(bulk, events, 16, 0);
  for (int i = 0; i < n; i++) handle(&events[i]);
}

static uint64_t payload_of_all(void) {
  uint64_t total = 0;
  for (int i = 0; i < reader_count; i++) total += readers[i].payload;
  return total;
}

typedef struct {
  double at, server_cpu, own_cpu, own_wait;
  uint64_t payload, sent;
  Machine machine;
} Snapshot;

static Snapshot snapshot(void) {
  return (Snapshot){seconds(), server_cpu(), own_cpu(), own_wait(), payload_of_all(), sent, machine()};
}

static long rss_before, rss_most, tcp_before, tcp_most;

static void watch_memory(double now) {
  static double last;
  if (now - last < 0.05) return;
  last = now;
  long rss = server_rss(), tcp = tcp_memory();
  if (rss > rss_most) rss_most = rss;
  if (tcp > tcp_most) tcp_most = tcp;
}

static int have_all(void) {
  for (int i = 0; i < reader_count; i++)
    if (!readers[i].closed && readers[i].payload < sent_to_stream(i % stream_count) * message_size) return 0;
  return 1;
}

// Receives the bytes in flight, until every reader has everything that was sent or nothing has arrived for a while.
static void drain(void) {
  uint64_t last = 0;
  set_low_water(1);
  progress_at = seconds();
  while (!have_all()) {
    turn(0.005);
    for (int i = 0; i < writer_count; i++) flush_writer(&writers[i]);
    watch_memory(seconds());
    uint64_t payload = payload_of_all();
    if (payload != last) progress_at = seconds();
    last = payload;
    if (seconds() - progress_at > tail_seconds) return;
  }
}

// Bytes outside messages, for framings that do not allow any.
static unsigned long strays(void) { return framing == SCAN || overhead > 0 ? 0 : stray; }

static void print_facts(Snapshot a, Snapshot b) {
  double time = b.at - a.at, all = b.machine.busy + b.machine.idle + b.machine.steal - a.machine.busy - a.machine.idle - a.machine.steal;
  double ours = b.server_cpu - a.server_cpu + b.own_cpu - a.own_cpu;
  printf("\"seconds\":%.4f,\"serverCpu\":%.5f,\"generatorCpu\":%.5f,", time, b.server_cpu - a.server_cpu, b.own_cpu - a.own_cpu);
  printf("\"generatorWait\":%.4f,", b.own_wait - a.own_wait);
  printf("\"othersCpu\":%.3f,\"idle\":%.4f,\"steal\":%.4f,", b.machine.busy - a.machine.busy - ours,
         all > 0 ? (b.machine.idle - a.machine.idle) / all : 0, all > 0 ? (b.machine.steal - a.machine.steal) / all : 0);
  printf("\"rssBeforeKiB\":%ld,\"rssMostKiB\":%ld,\"rssAfterKiB\":%ld,\"tcpBeforeKiB\":%ld,\"tcpMostKiB\":%ld,\"tcpAfterKiB\":%ld", rss_before,
         rss_most, server_rss(), tcp_before, tcp_most, tcp_memory());
}

static void fanout(void) {
  if (writer_first) {
    connect_writers();
    usleep(300000);
  }
  connect_readers();
  connect_stalled();
  if (!writer_first) connect_writers();
  for (double until = seconds() + settle_seconds; seconds() < until;) turn(0.01);
  began = seconds();
  started_at = 0;
  Snapshot start = {0}, end = {0};
  for (;;) {
    double now = seconds();
    if (!started_at && now - began >= warm_seconds) {
      started_at = now;
      sampling = 1;
      start = snapshot();
      progress_at = now;
    }
    watch_memory(now);
    if (started_at && (total_bytes ? sent >= (uint64_t)(total_bytes / message_size) : now - started_at >= run_seconds)) break;
    turn(send_due());
    uint64_t payload_so_far = window > 0 ? slowest_seen : sent;
    static uint64_t last;
    if (payload_so_far != last) progress_at = now;
    last = payload_so_far;
    if (started_at && now - progress_at > 5) break;
  }
  if (!total_bytes) {
    end = snapshot();
    sampling = 0;
  }
  drain();
  if (total_bytes) {
    end = snapshot();
    if (!have_all()) end.at = progress_at;
  }
  uint64_t lost = 0, extra = 0;
  int closed = 0;
  for (int i = 0; i < reader_count; i++) {
    uint64_t due = sent_to_stream(i % stream_count) * message_size, has = readers[i].payload;
    if (has < due) lost += due - has;
    else extra += has - due;
    closed += readers[i].closed;
  }
  Template finish = parse_template(finish_text);
  for (int i = 0; i < writer_count && finish.length; i++) send(writers[i].fd, finish.bytes, finish.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  printf("{\"mode\":\"fanout\",\"sent\":%lu,\"sentInTime\":%lu,\"deliveredBytes\":%lu,", (unsigned long)sent,
         (unsigned long)(end.sent - start.sent), (unsigned long)(end.payload - start.payload));
  printf("\"lostBytes\":%lu,\"extraBytes\":%lu,\"corrupt\":%lu,\"disordered\":%lu,\"stray\":%lu,\"closed\":%d,\"refused\":%lu,\"refusal\":\"%s\",",
         (unsigned long)lost, (unsigned long)extra, (unsigned long)corrupt, (unsigned long)disordered, strays(), closed, (unsigned long)refused,
         *answer && !answered ? refusal : "");
  printf("\"latency\":{\"samples\":%lu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f},", (unsigned long)samples, quantile(0.5),
         quantile(0.99), quantile(0.999), longest / 1e3);
  print_facts(start, end);
  printf("}\n");
}

// Writes without readers: `count` messages, each acknowledged if the server acknowledges.
static void write_all(uint64_t count) {
  total_bytes = count * message_size;
  began = progress_at = seconds();
  while (sent < count || (depth > 0 && answered < sent)) {
    uint64_t before = sent + answered;
    turn(send_due());
    if (sent + answered != before) progress_at = seconds();
    if (seconds() - progress_at > 10) stop("the server did not accept the history");
  }
  for (int i = 0; i < writer_count; i++)
    while (writers[i].length > 0) turn(0.001), flush_writer(&writers[i]);
  if (depth == 0) usleep(500000);
}

static void join(void) {
  int wanted = reader_count;
  long long due = history;
  window = 0;
  reader_count = 0;
  connect_writers();
  write_all(history / message_size);
  usleep(200000);
  Snapshot start = snapshot();
  for (int i = 0; i < wanted; i++) {
    readers[i].fd = open_socket(0);
    readers[i].state = HEAD;
    watch(queue_of(&readers[i]), EPOLL_CTL_ADD, readers[i].fd, EPOLLOUT, &readers[i]);
  }
  reader_count = wanted;
  int done = 0, asked = 0;
  struct epoll_event events[64];
  while (done < wanted && seconds() - start.at < 30) {
    watch_memory(seconds());
    for (int q = 0; q < 2; q++) {
      int queue = q ? bulk : urgent, n = epoll_wait(queue, events, 64, 0);
      for (int i = 0; i < n; i++) {
        Reader *r = events[i].data.ptr;
        if (r == NULL || is_writer(r)) continue;
        if (events[i].events & EPOLLOUT) {
          send_request(r->fd, r->index);
          asked++;
          watch(queue_of(r), EPOLL_CTL_MOD, r->fd, EPOLLIN, r);
          continue;
        }
        take_from(r);
        if (!r->done_at && r->payload >= (uint64_t)due) r->done_at = seconds(), done++;
      }
    }
  }
  Snapshot end = snapshot();
  for (double until = seconds() + 0.1; seconds() < until;) turn(0.01);
  uint64_t lost = 0, extra = 0;
  double first = 1e9, last = 0, sum = 0;
  for (int i = 0; i < wanted; i++) {
    Reader *r = &readers[i];
    if (r->payload < (uint64_t)due) lost += due - r->payload;
    else extra += r->payload - due;
    double took = r->done_at - start.at;
    if (r->done_at && took < first) first = took;
    if (r->done_at && took > last) last = took;
    sum += r->ready_at ? r->ready_at - start.at : 0;
  }
  printf("{\"mode\":\"join\",\"joined\":%d,\"firstMs\":%.2f,\"lastMs\":%.2f,\"headMs\":%.2f,\"lostBytes\":%lu,\"extraBytes\":%lu,", done, first * 1e3,
         done == wanted ? last * 1e3 : 0, sum / wanted * 1e3, (unsigned long)lost, (unsigned long)extra);
  printf("\"corrupt\":%lu,\"disordered\":%lu,\"stray\":%lu,\"closed\":0,\"deliveredBytes\":%lu,", (unsigned long)corrupt, (unsigned long)disordered,
         strays(), (unsigned long)payload_of_all());
  print_facts(start, end);
  printf("}\n");
}

static void close_at_once(int fd) {
  struct linger linger = {1, 0};  // a reset: leaves no port in TIME_WAIT
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

// Readers leave and new ones replace them, a few at a time. Returns how many.
static long churn(void) {
  enum { TOGETHER = 16 };
  long rounds = 0;
  for (double until = seconds() + churn_seconds; seconds() < until;) {
    int first = rounds * TOGETHER % reader_count;
    for (int k = 0; k < TOGETHER; k++) {
      Reader *r = &readers[(first + k) % reader_count];
      close_at_once(r->fd);
      reset_reader(r, r->index);
      r->fd = open_socket(1);
      send_request(r->fd, r->index);
    }
    for (int k = 0; k < TOGETHER; k++) await_heads((first + k) % reader_count, (first + k) % reader_count + 1);
    rounds++;
  }
  return rounds * TOGETHER;
}

static void idle(void) {
  connect_readers();
  sleep(3);
  int ready = 0, closed = 0;
  for (int i = 0; i < reader_count; i++) ready += readers[i].state != HEAD, closed += readers[i].closed;
  long rss = server_rss(), tcp = tcp_memory();
  Snapshot start = snapshot();
  long changes = churn_seconds > 0 ? churn() : 0;
  Snapshot end = snapshot();
  printf("{\"mode\":\"idle\",\"ready\":%d,\"closed\":%d,\"refused\":%lu,\"kibPerReader\":%.3f,\"tcpKibPerReader\":%.3f,\"changes\":%ld,", ready, closed, (unsigned long)refused,
         (double)(rss - rss_before) / reader_count, (double)(tcp - tcp_before) / reader_count, changes);
  print_facts(start, end);
  printf("}\n");
}

// Memory of streams with one message each and no reader.
static void fill(void) {
  reader_count = 0;
  connect_writers();
  write_all(stream_count);
  sleep(2);
  Snapshot now = snapshot();
  printf("{\"mode\":\"fill\",\"streams\":%d,\"refusal\":\"%s\",\"kibPerStream\":%.3f,", stream_count, *answer && !answered ? refusal : "",
         (double)(server_rss() - rss_before) / stream_count);
  print_facts(now, now);
  printf("}\n");
}

// ---- options

typedef struct {
  const char *name;
  enum { TEXT, NUMBER, LONG, REAL } type;
  void *value;
} Option;

static const char *pids = "";
static const Option options[] = {
    {"mode", TEXT, &mode}, {"port", NUMBER, &port}, {"core", NUMBER, &core}, {"server", TEXT, &pids},
    {"read", TEXT, &read_text}, {"open", TEXT, &open_text}, {"before", TEXT, &before_text}, {"after", TEXT, &after_text},
    {"finish", TEXT, &finish_text}, {"answer", TEXT, &answer}, {"framing", TEXT, &framing_name}, {"overhead", NUMBER, &overhead},
    {"ready", TEXT, &ready_mark}, {"writer-first", NUMBER, &writer_first}, {"late-head", NUMBER, &late_head},
    {"streams", NUMBER, &stream_count}, {"readers", NUMBER, &reader_count}, {"probes", NUMBER, &probe_count},
    {"stalled", NUMBER, &stalled_count}, {"writers", NUMBER, &writer_count}, {"size", NUMBER, &message_size},
    {"batch", NUMBER, &batch}, {"depth", NUMBER, &depth}, {"window", LONG, &window}, {"rate", REAL, &rate},
    {"seconds", REAL, &run_seconds}, {"warm", REAL, &warm_seconds}, {"settle", REAL, &settle_seconds}, {"tail", REAL, &tail_seconds},
    {"bytes", LONG, &total_bytes}, {"low-water", NUMBER, &low_water}, {"history", LONG, &history}, {"churn", REAL, &churn_seconds},
};

static void parse_options(int count, char **arguments) {
  for (int i = 1; i < count; i += 2) {
    const Option *found = 0;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
      if (!strncmp(arguments[i], "--", 2) && !strcmp(arguments[i] + 2, options[k].name)) found = &options[k];
    if (!found || i + 1 == count) {
      fprintf(stderr, "generator: unknown option, or one without a value: %s\n", arguments[i]);
      exit(2);
    }
    const char *value = arguments[i + 1];
    if (found->type == TEXT) *(const char **)found->value = value;
    else if (found->type == NUMBER) *(int *)found->value = atoi(value);
    else if (found->type == LONG) *(long long *)found->value = atoll(value);
    else *(double *)found->value = atof(value);
  }
  for (const char *p = pids; *p && server_pid_count < MAX_PIDS; p++) {
    server_pids[server_pid_count++] = strtol(p, (char **)&p, 10);
    if (!*p) break;
  }
  framing = !strcmp(framing_name, "fixed") ? FIXED : !strcmp(framing_name, "scan") ? SCAN
    : !strcmp(framing_name, "websocket") ? WEBSOCKET : CHUNKED;
  Template ready = parse_template(ready_mark), token = parse_template(answer);
  ready.bytes[ready.length] = token.bytes[token.length] = 0;
  ready_mark = ready.bytes;
  answer = token.bytes;
  if (message_size < STAMP || writer_count > MAX_WRITERS || probe_count > reader_count || depth < 0) {
    fprintf(stderr, "generator: messages have at least %d bytes, there are at most %d writers, and probes are readers\n", STAMP, MAX_WRITERS);
    exit(2);
  }
}

int main(int count, char **arguments) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_TIMERSLACK, 1);
  parse_options(count, arguments);
  if (core >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
  }
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  make_filler();
  read_template = parse_template(read_text);
  readers = calloc(reader_count + 1, sizeof *readers);
  writers = calloc(writer_count, sizeof *writers);
  wire = calloc(reader_count + 1, sizeof *wire);
  // Probes are spread evenly among the readers.
  for (int i = 0; i < probe_count; i++) readers[(long)i * reader_count / probe_count].probe = 1;
  for (int i = 0; i < reader_count; i++) reset_reader(&readers[i], i);
  urgent = epoll_create1(0);
  bulk = epoll_create1(0);
  watch(urgent, EPOLL_CTL_ADD, bulk, EPOLLIN, NULL);
  rss_before = server_rss();
  tcp_before = tcp_memory();
  if (!strcmp(mode, "join")) join();
  else if (!strcmp(mode, "idle")) idle();
  else if (!strcmp(mode, "fill")) fill();
  else fanout();
  // Close with resets: no port stays in TIME_WAIT, and the server finishes with them at once.
  for (int i = 0; i < reader_count; i++) close_at_once(readers[i].fd);
  for (int i = 0; i < writer_count; i++) close_at_once(writers[i].fd);
  return 0;
}
