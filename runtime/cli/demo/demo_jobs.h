/* demo_jobs.h: the descriptors in jobs/ as text in the program; demo_jobs.c is made by the build. */
#ifndef SLU_CLI_DEMO_DEMO_JOBS_H
#define SLU_CLI_DEMO_DEMO_JOBS_H

extern const char cli_demo_fraud_detection_yaml[];
extern const char cli_demo_tiering_yaml[];

#endif
