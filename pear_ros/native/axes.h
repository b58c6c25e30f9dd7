/* Frames of a person's body, face and gaze: pear_ros/messages/frames.py says what and why. */
#ifndef PEAR_AXES_H
#define PEAR_AXES_H

#include <string.h>

#include "rotations.h"

enum { CHAIN = 5, POSE = 7 };

/* Which joints matter: spine to head, the hips, the sellion. */
typedef struct {
    int chain[CHAIN], hips[2], sellion;
} Joints;

static void product3(const double *a, const double *b, double *out)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            out[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
}

/* A translation and the quaternion of a matrix with these columns. */
static void pose_of(const double *at, const double *x, const double *y, const double *z, double *out)
{
    double m[9] = {x[0], y[0], z[0], x[1], y[1], z[1], x[2], y[2], z[2]};
    for (int i = 0; i < 3; i++)
        out[i] = at[i];
    quaternion_of(m, out + 3);
}

/* rotations (52, 3, 3), joints (J, 3), eyes (2, 3): writes the poses (3, 7) of body, face and gaze; whether the
   face looks towards the camera. */
static int axes_of(const Joints *which, const float *rotations, const float *joints, const float *eyes, double *out)
{
    double head[9], local[9], turned[9], columns[3][3], hips[3], sellion[3];
    for (int i = 0; i < 9; i++)
        head[i] = rotations[i];
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 3; i++)
            columns[c][i] = head[3 * i + c];
    for (int i = 0; i < 3; i++) {
        hips[i] = 0.5 * ((double)joints[3 * which->hips[0] + i] + joints[3 * which->hips[1] + i]);
        sellion[i] = joints[3 * which->sellion + i];
    }
    /* REP-155's x, y, z are the body model's z, x, y. */
    pose_of(hips, columns[2], columns[0], columns[1], out);
    for (int k = 0; k < CHAIN; k++) {
        for (int i = 0; i < 9; i++)
            local[i] = rotations[9 * which->chain[k] + i];
        product3(head, local, turned);
        memcpy(head, turned, sizeof head);
    }
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 3; i++)
            columns[c][i] = head[3 * i + c];
    pose_of(sellion, columns[2], columns[0], columns[1], out + POSE);
    double look[3] = {0, 0, 0}, z[3], x[3], y[3], q[4], m[9];
    for (int eye = 0; eye < 2; eye++) {
        double v[3] = {eyes[3 * eye], eyes[3 * eye + 1], eyes[3 * eye + 2]};
        exponential_of(v, q);
        matrix_of(q, m);
        /* An eye at rest looks along the body model's z. */
        for (int i = 0; i < 3; i++)
            look[i] += m[3 * i + 2];
    }
    times(head, look, z);
    double size = fmax(length3(z), 1e-9);
    for (int i = 0; i < 3; i++)
        z[i] /= size;
    for (int i = 0; i < 3; i++) {
        int next = (i + 1) % 3, last = (i + 2) % 3;
        x[i] = columns[1][last] * z[next] - columns[1][next] * z[last];
    }
    size = length3(x);
    /* Eyes rolled straight up or down: the head's own right is still right. */
    for (int i = 0; i < 3; i++)
        x[i] = size > 1e-6 ? x[i] / size : -columns[0][i];
    for (int i = 0; i < 3; i++) {
        int next = (i + 1) % 3, last = (i + 2) % 3;
        y[i] = z[next] * x[last] - z[last] * x[next];
    }
    pose_of(sellion, x, y, z, out + 2 * POSE);
    return -(columns[2][0] * sellion[0] + columns[2][1] * sellion[1] + columns[2][2] * sellion[2]) > 0.0;
}

#endif
