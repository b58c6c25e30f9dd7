/* What people wear: pear_ros/perception/tracking/appearance.py says what and why. */
#ifndef PEAR_COLOURS_H
#define PEAR_COLOURS_H

#include <math.h>

#include "buffers.h"

enum { MOST_REGIONS = 8 };

/* Points that are weighted means of four joints each: joints (count, 4), weights (count, 4), region (count). */
typedef struct {
    const int *joints;
    const float *weights;
    const unsigned char *region;
    int count;
} Points;

/* The pixel at each point (S, 3) and whether it lies in the picture (S); points outside read as black. */
static void sample_one(const unsigned char *image, const Py_ssize_t *steps, const Py_ssize_t *size,
                       const float *keypoints, const Points *points, unsigned char *pixels, unsigned char *inside)
{
    for (int p = 0; p < points->count; p++) {
        float x = 0.0f, y = 0.0f;
        for (int k = 0; k < 4; k++) {
            const float *joint = keypoints + 2 * points->joints[4 * p + k];
            x += points->weights[4 * p + k] * joint[0];
            y += points->weights[4 * p + k] * joint[1];
        }
        x = rintf(x), y = rintf(y);
        /* Written so that what is not a number is outside. */
        inside[p] = x >= 0.0f && x < size[1] && y >= 0.0f && y < size[0];
        const unsigned char *from = image + (inside[p] ? (Py_ssize_t)y * steps[0] + (Py_ssize_t)x * steps[1] : 0);
        for (int c = 0; c < 3; c++)
            pixels[3 * p + c] = inside[p] ? from[c * steps[2]] : 0;
    }
}

/* Square roots of the histograms (regions, 3 * bins) of the pixels; shares (3 * 256, bins): how each value of each
   channel is shared between the bins. */
static void histogram(const unsigned char *pixels, const unsigned char *inside, const Points *points,
                      const float *shares, int regions, int bins, float *out)
{
    float total[MOST_REGIONS] = {0};
    for (int i = 0; i < regions * 3 * bins; i++)
        out[i] = 0.0f;
    for (int p = 0; p < points->count; p++) {
        if (!inside[p])
            continue;
        float *of_region = out + points->region[p] * 3 * bins;
        total[points->region[p]] += 1.0f;
        for (int c = 0; c < 3; c++)
            for (int b = 0; b < bins; b++)
                of_region[c * bins + b] += shares[(256 * c + pixels[3 * p + c]) * bins + b];
    }
    for (int r = 0; r < regions; r++)
        for (int i = 0; i < 3 * bins; i++)
            out[r * 3 * bins + i] = sqrtf(out[r * 3 * bins + i] / fmaxf(total[r], 1e-6f));
}

#endif
