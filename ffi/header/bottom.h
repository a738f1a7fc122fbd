#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ESKER_H */
