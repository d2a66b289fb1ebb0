#ifndef SIGNALBOX_CWALLCLOCK_H
#define SIGNALBOX_CWALLCLOCK_H

#include <stdbool.h>

// Lets the wall clock of this process be off by so many seconds; other clocks go on as they are.
void wall_clock_be_off_by(long long seconds);

// Whether that is possible here.
bool wall_clock_can_be_off(void);

#endif
