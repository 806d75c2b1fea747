"""Recognition of recorded speech over Tencent Cloud's API 3.0, where each answer is a job.

https://cloud.tencent.com/document/product/1093/37823
"""
