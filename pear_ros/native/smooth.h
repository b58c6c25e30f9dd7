/* One frame of the smoother for one person: pear_ros/perception/smoothing/adaptive.py and running.py say what and why. */
#ifndef PEAR_SMOOTH_H
#define PEAR_SMOOTH_H

#include <math.h>

#include "rotations.h"

enum { ROTATIONS = 52, SMALL = 3, TURNS = ROTATIONS + SMALL };

typedef struct {
    double cutoff, response, velocity_cutoff, lead;
} Tuning;

/* What rules the filters, in the order of perception/smoothing/compiled.py. */
typedef struct {
    Tuning pose, across, along, face;
    double memory, guessed, first, jump_metres, jump_speed, jump_share, outlier, least;
} Rules;

/* Where the parts of a row lie (perception/smoothing/remembered.py): value, velocity and measurement of pose, place
   and face; mean, weight and spread of the shape. */
typedef struct {
    int face, shape;
    int turn, spin, turned, place, speed, placed, mien, change, miened, mean, weight, spread, width;
} Row;

static Row row_of(int face, int shape)
{
    Row r = {.face = face, .shape = shape};
    r.turn = 0, r.spin = 4 * TURNS, r.turned = 7 * TURNS, r.place = 11 * TURNS;
    r.speed = r.place + 3, r.placed = r.place + 6, r.mien = r.place + 9;
    r.change = r.mien + face, r.miened = r.mien + 2 * face, r.mean = r.mien + 3 * face;
    r.weight = r.mean + shape, r.spread = r.weight + 1, r.width = r.spread + 1;
    return r;
}

/* What a frame says of one person, beside the measurements that lie in the row: seconds since the last one;
   from the camera to them, 0 where a depth image said how far they are; metres; found: 1, or 0 where
   PREDICTED; how sure on average. */
typedef struct {
    double seconds, sight[3], distance, found, confidence;
} Sighting;

static double gain(double cutoff, double seconds) { return -expm1(-2.0 * PI * seconds * cutoff); }

static void begin_motion(const Row *r, double *row)
{
    for (int i = 0; i < 4 * TURNS; i++)
        row[r->turn + i] = row[r->turned + i];
    for (int i = 0; i < 3 * TURNS; i++)
        row[r->spin + i] = 0.0;
    for (int i = 0; i < 3; i++)
        row[r->place + i] = row[r->placed + i], row[r->speed + i] = 0.0;
    for (int i = 0; i < r->face; i++)
        row[r->mien + i] = row[r->miened + i], row[r->change + i] = 0.0;
}

static void begin_shape(const Row *r, const Rules *rules, const Sighting *s, double *row)
{
    row[r->weight] = s->confidence * rules->first;
    row[r->spread] = INFINITY;
}

/* Rotation j; components lie in rows of TURNS. */
static void turn_on(const Row *r, const Tuning *t, const double *old, double *now, int j, double dt, double factor)
{
    double value[4], before[4], after[4], spin[3], step[4], ahead[4], start[4], near[4];
    for (int i = 0; i < 4; i++) {
        value[i] = old[r->turn + i * TURNS + j];
        before[i] = (i < 3 ? -1.0 : 1.0) * old[r->turned + i * TURNS + j];
        after[i] = now[r->turned + i * TURNS + j];
    }
    product_of(before, after, step);
    double sine = fmax(length3(step), 1e-9), mixed = gain(t->velocity_cutoff, dt);
    double rate = atan2(sine, fabs(step[3])) * 2.0 * mixed / dt / copysign(sine, step[3]);
    double on[3];
    for (int i = 0; i < 3; i++) {
        double v = old[r->spin + i * TURNS + j];
        on[i] = t->lead * dt * v;
        spin[i] = v * (1.0 - mixed) + step[i] * rate;
        now[r->spin + i * TURNS + j] = spin[i];
    }
    exponential_of(on, ahead);
    product_of(value, ahead, start);
    double share = gain(factor * (t->cutoff + t->response * length3(spin)), dt);
    double sign = copysign(1.0, dot4(start, after)), chord = 0.0;
    for (int i = 0; i < 4; i++) {
        near[i] = sign * after[i];
        chord += (near[i] - start[i]) * (near[i] - start[i]);
    }
    /* The chord knows small angles to the last digit, which the cosine does not. */
    double angle = 2.0 * asin(fmin(fmax(0.5 * sqrt(chord), 5e-10), 1.0)), done = share * angle;
    double to = sin(done) / sin(angle), from = sin(angle - done) / sin(angle), found[4];
    for (int i = 0; i < 4; i++)
        found[i] = to * near[i] + from * start[i];
    double norm = 1.0 / sqrt(dot4(found, found));
    for (int i = 0; i < 4; i++)
        now[r->turn + i * TURNS + j] = norm * found[i];
}

static void place_on(const Row *r, const Rules *rules, const double *old, double *now, const Sighting *s, double factor)
{
    const Tuning *across = &rules->across, *along = &rules->along;
    double dt = s->seconds, mixed = gain(across->velocity_cutoff, dt), way = 0.0, far = fmax(length3(s->sight), 1e-9);
    double velocity[3], ahead[3], error[3], ray[3], deep = 0.0, fast = 0.0, aside = 0.0;
    for (int i = 0; i < 3; i++) {
        double measured = now[r->placed + i], step = measured - old[r->placed + i], v = old[r->speed + i];
        way += step * step;
        velocity[i] = v + mixed * (step / dt - v);
        ahead[i] = old[r->place + i] + across->lead * dt * v;
        error[i] = measured - ahead[i];
        ray[i] = s->sight[i] / far;
        deep += error[i] * ray[i], fast += velocity[i] * ray[i];
    }
    if (sqrt(way) > rules->jump_metres + rules->jump_speed * dt + rules->jump_share * s->distance) {
        for (int i = 0; i < 3; i++)
            now[r->place + i] = now[r->placed + i], now[r->speed + i] = 0.0;
        return;
    }
    for (int i = 0; i < 3; i++) {
        double v = velocity[i] - fast * ray[i];
        aside += v * v;
    }
    double near = gain(factor * (across->cutoff + across->response * sqrt(aside)), dt);
    /* The length of the projection, since the ray is no unit vector where there is no sight. */
    double fall = fabs(fast) * length3(ray) / far;
    double depth = gain(factor * (along->cutoff + along->response * fall), dt);
    for (int i = 0; i < 3; i++) {
        double part = deep * ray[i];
        now[r->place + i] = ahead[i] + near * (error[i] - part) + depth * part;
        now[r->speed + i] = velocity[i];
    }
}

static void face_on(const Row *r, const Tuning *t, const double *old, double *now, double dt)
{
    double mixed = gain(t->velocity_cutoff, dt);
    for (int i = 0; i < r->face; i++) {
        double measured = now[r->miened + i], v = old[r->change + i];
        double velocity = v + mixed * ((measured - old[r->miened + i]) / dt - v);
        double ahead = old[r->mien + i] + t->lead * dt * v;
        now[r->change + i] = velocity;
        now[r->mien + i] = ahead + gain(t->cutoff + t->response * fabs(velocity), dt) * (measured - ahead);
    }
}

/* The mean of the row holds this frame's coefficients and becomes the running mean. */
static void shape_on(const Row *r, const Rules *rules, const double *old, double *now, const Sighting *s)
{
    double squares = 0.0;
    for (int i = 0; i < r->shape; i++) {
        double error = now[r->mean + i] - old[r->mean + i];
        squares += error * error;
    }
    double distance = sqrt(squares), known = isfinite(old[r->spread]);
    double usual = known ? old[r->spread] : distance;
    double trust = fmin(1.0, rules->outlier * fmax(usual, rules->least) / fmax(distance, 1e-12));
    double added = s->found * s->confidence * s->seconds, weight = fmin(old[r->weight] + added, rules->memory);
    double share = weight > 0.0 ? added / fmax(weight, 1e-12) : 0.0;
    for (int i = 0; i < r->shape; i++)
        now[r->mean + i] = old[r->mean + i] + share * trust * (now[r->mean + i] - old[r->mean + i]);
    now[r->weight] = weight;
    now[r->spread] = usual + (known ? fmin(share, 1.0) : 1.0) * (trust * distance - usual);
}

#endif
