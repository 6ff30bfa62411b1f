/*
 * alarm.h - the device's own work: it measures, and mails an alarm
 */
#ifndef ALARM_H
#define ALARM_H

#include <stdint.h>

/* To be called in each round of the main loop. Never waits. */
void alarm_work(uint32_t now_ms);

/* Says a result code on the console, in words. */
void alarm_say(const char *what, int code);

#endif
