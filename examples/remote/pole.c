/* A cart-pole in C, as a simulator for `RemoteEnvironment::spawn`: docs/protocol.md, in one file.
 *
 *     gcc -O2 -o pole examples/remote/pole.c -lm
 *
 * The channel is file descriptor 0. Numbers are little-endian, as this machine's are taken to be. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define OBSERVATION 4 /* cart in m, m/s; pole in rad, rad/s */
#define STEPS 200

static unsigned char body[256];

static void transfer(int writing, void *data, size_t count) {
    for (unsigned char *at = data; count > 0;) {
        ssize_t done = writing ? write(0, at, count) : read(0, at, count);
        if (done <= 0) _exit(0); /* The trainer has left. */
        at += done;
        count -= (size_t)done;
    }
}

/* A frame: the length of the body in eight bytes, a kind in one, the body. */
static void answer(unsigned char kind, const void *data, uint64_t length) {
    unsigned char frame[9 + sizeof body];
    memcpy(frame, &length, 8);
    frame[8] = kind;
    memcpy(frame + 9, data, length);
    transfer(1, frame, 9 + length);
}

static unsigned char *put(unsigned char *at, const void *data, size_t count) {
    memcpy(at, data, count);
    return at + count;
}

static unsigned char *put_count(unsigned char *at, uint32_t count) { return put(at, &count, 4); }

static void hello(void) {
    const float high[OBSERVATION] = {INFINITY, INFINITY, INFINITY, INFINITY}, force = 1, opposite = -1;
    unsigned char *at = put(body, "acritic\n", 8);
    at = put_count(at, 1); /* The version of the protocol. */
    at = put(put_count(at, 4), "pole", 4);
    at = put_count(at, 1); /* One program that decides what a step computes, and its version. */
    at = put(put_count(at, 6), "pole.c", 6);
    at = put(put_count(at, 1), "1", 1);
    at = put_count(at, OBSERVATION);
    for (int i = 0; i < OBSERVATION; i++) at = put(at, &(float){-high[i]}, 4);
    at = put(at, high, sizeof high);
    at = put(put(put_count(at, 1), &opposite, 4), &force, 4); /* One action in [-1, 1], of 10 N. */
    answer('h', body, (uint64_t)(at - body));
}

static double uniform(uint64_t *seed) { /* In [-0.05, 0.05): SplitMix64. */
    uint64_t z = (*seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0 * 0.1 - 0.05;
}

int main(void) {
    double state[OBSERVATION] = {0}, *x = state, *v = state + 1, *angle = state + 2, *rate = state + 3;
    int steps = 0;
    for (;;) {
        uint64_t length;
        unsigned char kind;
        transfer(0, &length, 8);
        transfer(0, &kind, 1);
        if (length > sizeof body) return 1; /* No trainer sends so much to a pole. */
        transfer(0, body, length);
        float observation[OBSERVATION];
        if (kind == 'H') {
            hello();
        } else if (kind == 'R' && length == 8) {
            uint64_t seed;
            memcpy(&seed, body, 8);
            steps = 0;
            for (int i = 0; i < OBSERVATION; i++) observation[i] = (float)(state[i] = uniform(&seed));
            answer('o', observation, sizeof observation);
        } else if (kind == 'S' && length == 4) {
            float action;
            memcpy(&action, body, 4);
            double force = 10 * fmin(fmax(action, -1), 1), push = (force + 0.05 * *rate * *rate * sin(*angle)) / 1.1;
            double turn = (9.8 * sin(*angle) - cos(*angle) * push) / (0.5 * (4.0 / 3 - 0.1 * cos(*angle) * cos(*angle) / 1.1));
            double speed = push - 0.05 * turn * cos(*angle) / 1.1;
            *x += 0.02 * *v, *v += 0.02 * speed, *angle += 0.02 * *rate, *rate += 0.02 * turn;
            double reward = 1;
            unsigned char terminated = fabs(*x) > 2.4 || fabs(*angle) > 0.2095, truncated = ++steps == STEPS;
            unsigned char flags = terminated | (unsigned char)(truncated << 1);
            for (int i = 0; i < OBSERVATION; i++) observation[i] = (float)state[i];
            answer('s', body, (uint64_t)(put(put(put(body, &reward, 8), &flags, 1), observation, sizeof observation) - body));
        } else {
            const char report[] = "\1\17\0\0\0no such request"; /* Not understood. */
            answer('e', report, 5 + 15);
        }
    }
}
