// What driver.go asks of loader.c.

// Opens the library, once, and calls its cuInit; the CUresult.
int imgcls_driver_init(void);

// What was opened, or tried; "" before that.
const char *imgcls_driver_path(void);

// Why there is no driver; "" if there is one.
const char *imgcls_driver_missing(void);
