// System facts for the generator: time, CPU time and memory of the servers, and load of the cores.
#pragma once
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_PIDS 64
static int server_pids[MAX_PIDS], server_pid_count;

static uint64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static double seconds(void) { return nanoseconds() * 1e-9; }

static double cpu_of_clock(clockid_t clock) {
  struct timespec t;
  return clock_gettime(clock, &t) ? 0 : t.tv_sec + t.tv_nsec * 1e-9;
}

static double own_cpu(void) { return cpu_of_clock(CLOCK_PROCESS_CPUTIME_ID); }

// User and system time of all server processes, in seconds, with a resolution of nanoseconds.
static double server_cpu(void) {
  double total = 0;
  for (int i = 0; i < server_pid_count; i++) {
    clockid_t clock;
    if (clock_getcpuclockid(server_pids[i], &clock) == 0) total += cpu_of_clock(clock);
  }
  return total;
}

static int read_small_file(const char *path, char *text, int size) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) return 0;
  int got = read(fd, text, size - 1);
  close(fd);
  text[got > 0 ? got : 0] = 0;
  return got > 0;
}

// How long this program was runnable while another one used its core, in seconds.
static double own_wait(void) {
  char text[128];
  unsigned long long ran, waited;
  if (!read_small_file("/proc/self/schedstat", text, sizeof text)) return 0;
  return sscanf(text, "%llu %llu", &ran, &waited) == 2 ? waited * 1e-9 : 0;
}

// Resident memory of all server processes, in KiB.
static long server_rss(void) {
  long total = 0, page = sysconf(_SC_PAGESIZE) / 1024;
  for (int i = 0; i < server_pid_count; i++) {
    char path[64], text[256];
    long size, resident;
    snprintf(path, sizeof path, "/proc/%d/statm", server_pids[i]);
    if (read_small_file(path, text, sizeof text) && sscanf(text, "%ld %ld", &size, &resident) == 2)
      total += resident * page;
  }
  return total;
}

// Memory of all TCP sockets of the machine, in KiB.
static long tcp_memory(void) {
  char text[1024], *tcp;
  if (!read_small_file("/proc/net/sockstat", text, sizeof text)) return 0;
  tcp = strstr(text, "TCP: inuse");
  tcp = tcp ? strstr(tcp, " mem ") : 0;
  return tcp ? atol(tcp + 5) * (sysconf(_SC_PAGESIZE) / 1024) : 0;
}

typedef struct {
  double busy, idle, steal;  // seconds, summed over all cores
} Machine;

static Machine machine(void) {
  char text[512];
  double user, nice, kernel, idle, wait, irq, softirq, steal, tick = sysconf(_SC_CLK_TCK);
  if (!read_small_file("/proc/stat", text, sizeof text)) return (Machine){0, 0, 0};
  sscanf(text, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &user, &nice, &kernel, &idle, &wait, &irq, &softirq, &steal);
  return (Machine){(user + nice + kernel + irq + softirq) / tick, (idle + wait) / tick, steal / tick};
}
