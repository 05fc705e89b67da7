// Extracts the payload from received bytes. It is counted exactly for every reader, and checked byte by byte for
// probes. A reader that only counts lets the kernel drop the payload (MSG_TRUNC), so that receiving costs almost
// nothing compared with sending.
//
// A message of the generator has a fixed size and contains the time it was due, its writer, and its number:
//
//     01  time (16 hex, ns)  writer (2 hex)  number (8 hex)  filler that depends on the position only
#pragma once
#include <errno.h>
#include <sys/socket.h>

#include "system.h"

#define STAMP 27
#define MAX_WRITERS 256

// CHUNKED: HTTP's chunked encoding. WEBSOCKET: binary messages; all other frames are ignored. FIXED: a fixed number of
// bytes (or none) around each message. SCAN: any framing; messages are counted by their first byte, which occurs
// nowhere else.
typedef enum { CHUNKED, WEBSOCKET, FIXED, SCAN } Framing;

static Framing framing = CHUNKED;
static int message_size = 65536, overhead;
static const char *ready_mark = "\r\n\r\n";  // end of a server's output before the data
static int stream_count = 1;

static unsigned char *filler;  // one complete message without its stamp

static void make_filler(void) {
  filler = malloc(message_size);
  for (int i = 0; i < message_size; i++) filler[i] = 'a' + (i * 7 + i / 251) % 26;
}

// Latencies, in a histogram of 32 steps per power of two.
#define STEPS 32
static uint64_t histogram[64 * STEPS], samples, longest;
static int sampling;

static void sample(uint64_t ns) {
  int power = ns < STEPS ? 0 : 63 - __builtin_clzll(ns) - 4;
  histogram[power ? power * STEPS + (int)(ns >> (power - 1)) - STEPS : (int)ns]++;
  samples++;
  if (ns > longest) longest = ns;
}

// Microseconds.
static double quantile(double q) {
  uint64_t seen = 0;
  for (int i = 0; i < 64 * STEPS; i++) {
    seen += histogram[i];
    if (seen > samples * q) return (i < STEPS ? i : (double)((uint64_t)(i % STEPS + STEPS) << (i / STEPS - 1))) / 1e3;
  }
  return longest / 1e3;
}

typedef struct {
  int fd, index, probe, closed;
  enum { HEAD, LENGTH, DATA, TAIL, OVER } state;
  int matched;         // bytes matched of ready_mark, or of a chunk's tail
  uint64_t left;       // bytes left of the chunk or frame
  unsigned char frame[10];  // the head of a frame, as far as received
  int left_out;        // whether the frame contains no data
  int head_bytes;      // bytes received of it
  uint64_t length;     // length of the chunk, as far as parsed
  int extension;       // whether an extension follows the digits
  uint64_t payload;    // bytes
  double ready_at, done_at;
  // of a probe
  int position;        // position in the message; -1: between messages
  unsigned char stamp[STAMP];
  int64_t last[MAX_WRITERS];
} Reader;

static uint64_t corrupt, disordered, stray, refused;

// Detects from the bytes received so far whether this is an HTTP head with neither success nor an upgrade.
static void look_at_head(const Reader *r) {
  static const char http[] = "HTTP/1.";
  if (r->head_bytes >= 10 && memcmp(r->frame, http, sizeof http - 1) == 0 && r->frame[9] > '2') refused++;
}

static uint64_t hexadecimal(const unsigned char *digits, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; i++) value = value << 4 | (digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
  return value;
}

static void message_complete(Reader *r, uint64_t now) {
  uint64_t due = hexadecimal(r->stamp + 1, 16);
  int writer = hexadecimal(r->stamp + 17, 2);
  int64_t number = hexadecimal(r->stamp + 19, 8);
  if (number <= r->last[writer]) disordered++;
  r->last[writer] = number;
  if (sampling) sample(now > due ? now - due : 0);
}

// A probe checks every byte.
static void check(Reader *r, const unsigned char *bytes, size_t count, uint64_t now) {
  while (count > 0) {
    if (r->position < 0) {
      const unsigned char *start = memchr(bytes, 1, count);
      size_t skipped = start ? (size_t)(start - bytes) : count;
      stray += skipped;
      bytes += skipped;
      count -= skipped;
      if (!start) return;
      r->position = 0;
    }
    size_t wanted = (r->position < STAMP ? STAMP : message_size) - r->position;
    size_t n = wanted < count ? wanted : count;
    if (r->position < STAMP) memcpy(r->stamp + r->position, bytes, n);
    else if (memcmp(filler + r->position, bytes, n) != 0) corrupt++;
    r->position += n;
    bytes += n;
    count -= n;
    if (framing == SCAN || overhead > 0) r->payload += n;
    if (r->position == message_size) {
      message_complete(r, now);
      r->position = -1;
    }
  }
}

static size_t count_marks(const unsigned char *bytes, size_t count) {
  size_t marks = 0;
  for (size_t i = 0; i < count; i++) marks += bytes[i] == 1;
  return marks;
}

static uint64_t *wire;  // of FIXED framing: bytes after the head, by reader

// Payload, or what looks like it: everything after the head that is not chunked framing.
static void take(Reader *r, const unsigned char *bytes, size_t count, uint64_t now) {
  if (r->probe) check(r, bytes, count, now);
  if (framing == CHUNKED || framing == WEBSOCKET) r->payload += count;
  else if (framing == FIXED) {
    wire[r->index] += count;
    if (!r->probe || overhead == 0) r->payload = wire[r->index] * message_size / (message_size + overhead);
  } else if (!r->probe) r->payload += count_marks(bytes, count) * message_size;
}

// Whether chunks or frames contain their length.
static int is_measured(void) { return framing == CHUNKED || framing == WEBSOCKET; }

// One more byte of the head of a frame (RFC 6455 section 5.2), which is not masked.
static void frame_head(Reader *r, unsigned char byte) {
  r->frame[r->matched++] = byte;
  int size = r->matched < 2 ? 2 : r->frame[1] == 127 ? 10 : r->frame[1] == 126 ? 4 : 2;
  if (r->matched < size) return;
  r->left = size == 2 ? r->frame[1] : 0;
  for (int i = 2; i < size; i++) r->left = r->left << 8 | r->frame[i];
  int opcode = r->frame[0] & 15;
  r->matched = 0;
  r->left_out = opcode != 2;
  r->state = opcode == 8 ? OVER : r->left > 0 ? DATA : LENGTH;
}

static void feed(Reader *r, const unsigned char *bytes, size_t count) {
  uint64_t now = nanoseconds();
  for (size_t i = 0; i < count;) {
    unsigned char byte = bytes[i];
    switch (r->state) {
      case HEAD:
        i++;
        if (r->head_bytes < 10) r->frame[r->head_bytes++] = byte;
        r->matched = byte == (unsigned char)ready_mark[r->matched] ? r->matched + 1 : byte == (unsigned char)ready_mark[0];
        if (ready_mark[r->matched] == 0) {
          r->state = is_measured() ? LENGTH : DATA;
          r->matched = 0;
          look_at_head(r);
          r->ready_at = now * 1e-9;
        }
        break;
      case LENGTH:
        i++;
        if (framing == WEBSOCKET) {
          frame_head(r, byte);
          break;
        }
        if (byte == '\n') {
          r->left = r->length;
          r->state = r->length > 0 ? DATA : OVER;
          r->length = r->extension = 0;
        } else if (byte == '\r' || byte == ';') r->extension = 1;
        else if (!r->extension) r->length = r->length << 4 | hexadecimal((unsigned char[]){byte | 0x20}, 1);
        break;
      case DATA: {
        size_t n = count - i;
        if (is_measured() && n > r->left) n = r->left;
        if (!r->left_out) take(r, bytes + i, n, now);
        i += n;
        if (is_measured() && (r->left -= n) == 0) r->state = framing == CHUNKED ? TAIL : LENGTH;
        break;
      }
      case TAIL:
        i++;
        if (++r->matched == 2) {
          r->matched = 0;
          r->state = LENGTH;
        }
        break;
      case OVER:
        return;
    }
  }
}

// hexadecimal() takes digits in lower case; `| 0x20` above does not change 0-9.

#define BUFFER (256 * 1024)
#define SMALL_READ 16384
static unsigned char buffer[BUFFER];

// Receives from a socket, up to a fair share. Returns 0 once the connection is closed.
static int receive(Reader *r) {
  for (int i = 0; i < 8; i++) {
    ssize_t got;
    int droppable = !r->probe && r->state == DATA;
    if (droppable && is_measured() && !r->left_out && (r->left >= SMALL_READ || message_size > SMALL_READ)) {
      got = recv(r->fd, 0, r->left, MSG_TRUNC | MSG_DONTWAIT);
      if (got > 0) {
        r->payload += got;
        if ((r->left -= got) == 0) r->state = framing == CHUNKED ? TAIL : LENGTH;
      }
    } else if (droppable && framing == FIXED) {
      got = recv(r->fd, 0, 16 << 20, MSG_TRUNC | MSG_DONTWAIT);
      if (got > 0) take(r, 0, got, 0);
    } else {
      // Of large chunks only the framing is copied.
      size_t size = r->probe || framing == SCAN ? BUFFER : message_size > SMALL_READ ? 32 : SMALL_READ;
      got = recv(r->fd, buffer, size, MSG_DONTWAIT);
      if (got > 0) feed(r, buffer, got);
    }
    if (got == 0) return 0;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
  }
  return 1;
}
