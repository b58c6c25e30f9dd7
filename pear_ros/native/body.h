/* The body's small steps, as in pear_ros/engine: rotations out of what the network says, the joint tree, skinning. */
#ifndef PEAR_BODY_H
#define PEAR_BODY_H

#include <string.h>

#include "rotations.h"

static float dot3f(const float *a, const float *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static void unit(float *v)
{
    float length = fmaxf(sqrtf(dot3f(v, v)), 1e-12f);
    for (int i = 0; i < 3; i++)
        v[i] /= length;
}

static void reject(const float *along, float *v)
{
    float part = dot3f(along, v);
    for (int i = 0; i < 3; i++)
        v[i] -= part * along[i];
}

/* By Gram-Schmidt, step by step as matrix_from_6d in pear_ros/engine/rotations.py, which says why. */
static void matrix_of_6d(const float *sixd, float *m)
{
    const float noise = 8.0f * 1.1920929e-07f;
    float a[2][3];
    for (int k = 0; k < 2; k++) {
        const float *v = sixd + 3 * k;
        float largest = fabsf(v[0]);
        for (int i = 1; i < 3; i++)
            largest = fabsf(v[i]) > largest || isnan(v[i]) ? fabsf(v[i]) : largest;
        for (int i = 0; i < 3; i++)
            a[k][i] = v[i] / (largest == 0.0f ? 1.0f : largest);
        if (k == 0 && largest == 0.0f)
            a[0][0] = 1.0f;
    }
    float *b1 = a[0], *b2 = a[1];
    unit(b1);
    reject(b1, b2);
    if (dot3f(b2, b2) <= noise * noise) {
        int across = fabsf(b1[0]) < 0.5f ? 0 : 1;
        for (int i = 0; i < 3; i++)
            b2[i] = i == across ? 1.0f : 0.0f;
        reject(b1, b2);
    }
    unit(b2);
    reject(b1, b2);
    unit(b2);
    for (int i = 0; i < 3; i++) {
        int next = (i + 1) % 3, after = (i + 2) % 3;
        m[3 * i] = b1[i], m[3 * i + 1] = b2[i];
        m[3 * i + 2] = b1[next] * b2[after] - b1[after] * b2[next];
    }
}

/* Down the tree, every parent before its children: local rotations (J, 3, 3) and rest joints (3, J) -> world
   rotations (J, 3, 3) and posed joints (3, J). */
static void chain_of(const int *parents, int joints, const float *rotations, const float *rest, float *world, float *posed)
{
    for (int j = 0; j < joints; j++) {
        const float *own = rotations + 9 * j;
        float *turn = world + 9 * j;
        if (parents[j] < 0) {
            memcpy(turn, own, 9 * sizeof *turn);
            for (int i = 0; i < 3; i++)
                posed[i * joints + j] = rest[i * joints + j];
            continue;
        }
        int up = parents[j];
        const float *above = world + 9 * up;
        float bone[3];
        for (int i = 0; i < 3; i++)
            bone[i] = rest[i * joints + j] - rest[i * joints + up];
        for (int i = 0; i < 3; i++) {
            const float *row = above + 3 * i;
            for (int k = 0; k < 3; k++)
                turn[3 * i + k] = row[0] * own[k] + row[1] * own[3 + k] + row[2] * own[6 + k];
            posed[i * joints + j] = dot3f(row, bone) + posed[i * joints + up];
        }
    }
}

/* How joint j moves the rest pose: 9 numbers of its world rotation, then where it takes the origin. */
static void motion_of(int j, int joints, const float *world, const float *rest, const float *posed, float *motion)
{
    float at[3];
    for (int i = 0; i < 3; i++)
        at[i] = rest[i * joints + j];
    memcpy(motion, world + 9 * j, 9 * sizeof *motion);
    for (int i = 0; i < 3; i++)
        motion[9 + i] = posed[i * joints + j] - dot3f(motion + 3 * i, at);
}

/* Linear blend skinning of points (3, V); those of vertex v are the weights and joints from starts[v] on. */
static void skin_of(const int *starts, const int *joints, const float *weights, int count, const float *motions,
                    const float *points, float *out)
{
    for (int v = 0; v < count; v++) {
        float blended[12] = {0};
        for (int k = starts[v]; k < starts[v + 1]; k++) {
            const float *motion = motions + 12 * joints[k];
            for (int i = 0; i < 12; i++)
                blended[i] += weights[k] * motion[i];
        }
        float p[3] = {points[v], points[count + v], points[2 * count + v]};
        for (int i = 0; i < 3; i++)
            out[i * count + v] = dot3f(blended + 3 * i, p) + blended[9 + i];
    }
}

#endif
